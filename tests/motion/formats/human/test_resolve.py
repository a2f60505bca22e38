from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.human import HumanOptions, RawHuman, body
from athena_wbc.motion.formats.human.raw import OPEN_FPS, OPEN_UNITS, OPEN_UP, unit_in_metres
from athena_wbc.motion.formats.human.resolve import resolve
from athena_wbc.motion.formats.raw import Choice
from tests.motion.formats.human import people

NO_OPTIONS = HumanOptions()


def raw(positions: np.ndarray, **changes) -> RawHuman:
    """A person of the SMPL family; z up, in m, at 30 fps, where nothing else is said."""
    fields = {
        "name": "walk",
        "where": "walk.npy",
        "positions": positions,
        "joint_names": body.JOINT_NAMES[:22],
        "parents": body.PARENTS[:22],
        "fps": Choice.of(30.0, "in the file"),
        "up": Choice.of("z", "default of the format"),
        "units": Choice.of("m", "default of the format"),
    }
    return RawHuman(**(fields | changes))


def z_up(positions: np.ndarray) -> np.ndarray:
    return positions[..., [0, 2, 1]] * np.array((1.0, -1.0, 1.0))


def jumping(fps: float = 30.0, gravity: float = 9.81, scale: float = 1.0) -> np.ndarray:
    """Half a second of standing, a jump of the stiff body at 3 m/s, half a second of standing; z up."""
    time = np.arange(round((1.0 + 6.0 / gravity) * fps)) / fps - 0.5
    height = np.where(time > 0.0, 3.0 * time - 0.5 * gravity * time**2, 0.0).clip(min=0.0)
    return (z_up(people.joints(1)) + np.outer(height, (0.0, 0.0, 1.0))[:, None]) * scale


@pytest.mark.parametrize(
    ("axis", "turn"),
    [
        ("z", ()),
        ("y", ("x", -90)),
        ("x", ("y", 90)),
        ("-z", ("x", 180)),
        ("-y", ("x", 90)),
        ("-x", ("y", -90)),
    ],
)
def test_an_open_vertical_is_where_the_body_stands(axis: str, turn: tuple) -> None:
    upright = z_up(people.joints())
    rotation = Rotation.from_euler(*turn, degrees=True) if turn else Rotation.identity()
    turned = rotation.apply(upright.reshape(-1, 3)).reshape(upright.shape)
    motion = resolve(raw(turned, up=OPEN_UP), NO_OPTIONS)
    assert any(step.startswith(f"vertical: {axis}, along which") for step in motion.history)
    np.testing.assert_allclose(motion.positions, upright, atol=1e-9)


def test_a_lying_person_asks_for_the_vertical() -> None:
    lying = Rotation.from_euler("y", 40, degrees=True).apply(z_up(people.joints()).reshape(-1, 3)).reshape(-1, 22, 3)
    lying = Rotation.from_euler("x", 50, degrees=True).apply(lying.reshape(-1, 3)).reshape(-1, 22, 3)
    with pytest.raises(AthenaError, match=r"walk\.npy: the vertical cannot be told: .* give --up"):
        resolve(raw(lying, up=OPEN_UP), NO_OPTIONS)
    assert resolve(raw(lying, up=OPEN_UP), HumanOptions(up="z")).num_frames == people.FRAMES


def test_a_crawling_person_asks_for_the_vertical() -> None:
    """Stretched along y and travelling along it, while the lowest point stays level along z."""
    crawling = people.joints() + np.outer(np.arange(people.FRAMES) * 0.05, (0.0, 1.0, 0.0))[:, None]
    with pytest.raises(AthenaError, match=r"stretches along y in .* stays level along [xz]; give --up"):
        resolve(raw(crawling, up=OPEN_UP), NO_OPTIONS)


def test_a_stated_vertical_stays_where_the_floor_speaks_for_it() -> None:
    """Someone who lies on the floor and slides along: upright along y for the eye, level along z for the floor."""
    lying = people.joints() + np.outer(np.arange(people.FRAMES) * 0.05, (0.0, 1.0, 0.0))[:, None]
    motion = resolve(raw(lying), NO_OPTIONS)
    np.testing.assert_allclose(motion.positions, lying)


def test_a_stated_vertical_gives_way_to_floor_and_posture() -> None:
    walking = people.joints()  # y up, along z
    motion = resolve(raw(walking), NO_OPTIONS)
    assert any(step.startswith("vertical: y and not z") for step in motion.history)
    np.testing.assert_allclose(motion.positions, z_up(walking), atol=1e-9)


@pytest.mark.parametrize("unit", ["m", "cm", "mm", "in", "cmu"])
def test_an_open_unit_is_that_of_an_adult(unit: str) -> None:
    upright = z_up(people.joints())
    motion = resolve(raw(upright / unit_in_metres(unit), units=OPEN_UNITS), NO_OPTIONS)
    np.testing.assert_allclose(motion.positions, upright, atol=1e-9)


def test_a_fall_tells_the_unit_of_a_dwarf() -> None:
    small = 1.1 / 1.7  # 1.1 m are no adult, and in no other unit are they one
    falling = jumping(gravity=9.81 / small, scale=small)  # in m: jumps and falls at 9.81
    standing = falling[:2]
    motion = resolve(raw(falling / 0.0254, units=OPEN_UNITS), NO_OPTIONS)
    assert any(step.startswith("unit: in, since the person is 1.10 m tall in it and falls") for step in motion.history)
    with pytest.raises(AthenaError, match="no adult's in"):
        resolve(raw(standing / 0.0254, units=OPEN_UNITS), NO_OPTIONS)


def test_a_stated_unit_is_checked() -> None:
    with pytest.raises(AthenaError, match=r"its unit is m \(default of the format\), in which .* --units"):
        resolve(raw(100.0 * z_up(people.joints())), NO_OPTIONS)


@pytest.mark.parametrize("fps", [24.0, 30.0, 60.0, 120.0])
def test_an_open_rate_is_told_by_a_fall(fps: float) -> None:
    assert resolve(raw(jumping(fps), fps=OPEN_FPS), NO_OPTIONS).fps == fps


def test_without_a_fall_the_rate_is_asked_for() -> None:
    with pytest.raises(AthenaError, match="states no frame rate, and no flight tells it; give --fps"):
        resolve(raw(z_up(people.joints()), fps=OPEN_FPS), NO_OPTIONS)
    with pytest.raises(AthenaError, match=r"fit .* fps, which is no usual one; give --fps"):
        resolve(raw(jumping(170.0), fps=OPEN_FPS), NO_OPTIONS)
    assert resolve(raw(z_up(people.joints()), fps=OPEN_FPS), HumanOptions(fps=25.0)).fps == 25.0


def test_a_rate_that_the_fall_contradicts_is_reported() -> None:
    motion = resolve(raw(jumping(60.0)), NO_OPTIONS)
    assert motion.fps == 30.0
    assert any("which 60 fps would fit" in step for step in motion.history)


def test_swapped_sides_and_left_handed_axes() -> None:
    upright = z_up(people.joints())
    mirrored = upright * (-1.0, 1.0, 1.0)
    with pytest.raises(AthenaError, match=r"left and right are swapped.*--handed left"):
        resolve(raw(mirrored), NO_OPTIONS)
    np.testing.assert_allclose(resolve(raw(mirrored), HumanOptions(handed="left")).positions, upright, atol=1e-12)
    swapped = {
        landmark: joint.replace("left", "?").replace("right", "left").replace("?", "right")
        for landmark, joint in body.LANDMARKS.items()
        if landmark != "pelvis"
    }
    motion = resolve(raw(mirrored), HumanOptions(landmarks=swapped))
    assert motion.landmarks["left_knee"] == "right_knee"


def test_mirrored_orientations_fit_mirrored_positions() -> None:
    positions, rotations = body.pose_body(people.turned_up(people.poses()), people.path())
    plain = resolve(raw(positions, rotations=rotations), NO_OPTIONS)
    flipped = rotations * (1.0, -1.0, -1.0, 1.0)
    motion = resolve(raw(positions * (-1.0, 1.0, 1.0), rotations=flipped), HumanOptions(handed="left"))
    np.testing.assert_allclose(motion.positions, plain.positions, atol=1e-12)
    np.testing.assert_allclose(np.abs((motion.rotations * plain.rotations).sum(axis=-1)), 1.0, atol=1e-12)


def test_the_floor() -> None:
    upright = z_up(people.joints()) + np.array((0.0, 0.0, 0.4))
    left = resolve(raw(upright), NO_OPTIONS)
    moved = resolve(raw(upright, ground=True), NO_OPTIONS)
    np.testing.assert_allclose(left.positions, upright)
    assert moved.positions[..., 2].min() == pytest.approx(0.02, abs=0.01)
    np.testing.assert_allclose(resolve(raw(upright), HumanOptions(ground=True)).positions, moved.positions)
    np.testing.assert_allclose(resolve(raw(upright, ground=True), HumanOptions(ground=False)).positions, upright)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"positions": np.full((5, 22, 3), np.nan)}, "pelvis: its position is nan at frame 0"),
        ({"positions": np.full((5, 22, 3), 1e9)}, "pelvis: its position is 1e\\+09 at frame 0"),
        ({"positions": np.zeros((1, 22, 3))}, r"has 1 frame\(s\)"),
        ({"positions": np.zeros((5, 22, 3))}, "in which the person is 0 m tall"),
        ({"rotations": np.full((24, 22, 4), np.inf)}, "an orientation is not finite"),
    ],
)
def test_numbers_that_are_no_motion(change: dict, message: str) -> None:
    with pytest.raises(AthenaError, match=message):
        resolve(dataclasses.replace(raw(z_up(people.joints())), **change), NO_OPTIONS)


def test_landmarks_by_the_user_are_checked(tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match="did you mean 'left_hip'"):
        resolve(raw(z_up(people.joints())), HumanOptions(landmarks={"left_hipp": "left_hip"}))
    with pytest.raises(AthenaError, match="did you mean 'left_knee'"):
        resolve(raw(z_up(people.joints())), HumanOptions(landmarks={"left_hip": "left_kne"}))
