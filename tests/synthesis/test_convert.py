"""From a generator's joints to a clip of the G1."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.human import read_human
from athena_wbc.motion.retarget.build import Build, robot_build
from athena_wbc.motion.retarget.quality import Bar
from athena_wbc.synthesis.convert import (
    COMPAT_HEIGHT,
    ConversionConfig,
    RefusedClip,
    check_conversion,
    claims_filters,
    label_of,
    prepare,
    smooth,
    smooth_joints,
    to_clip,
)
from athena_wbc.synthesis.filters import FilterConfig, bone_drift, failures, run_filters
from athena_wbc.synthesis.ground import find_support
from athena_wbc.synthesis.human_features import body_axes, human_features
from athena_wbc.synthesis.motion import JOINT_NAMES, PARENTS, PELVIS, SyntheticMotion
from athena_wbc.synthesis.prompt import Prompt
from athena_wbc.synthesis.vocabulary import Move
from tests.synthesis.figure import jumping, motion_of, moved, standing, turned, with_joint
from tests.synthesis.recordings import from_human

PROMPT = Prompt(text="a person bows twice", domain="dance", moves=(Move("bow", count=2),))


def _shift(values: np.ndarray, axis: int) -> np.ndarray:
    out = np.zeros((len(values), 3))
    out[:, axis] = values
    return out


def _crawling(frames: int = 61) -> SyntheticMotion:
    """Flat on the floor, with arms that move: the pelvis is at 0.15 m all along."""
    body = turned(standing(frames), np.full(frames, 0.5 * np.pi), "y")
    body[..., 2] += 0.15 - body[:, [PELVIS], 2]
    return motion_of(with_joint(body, "left_wrist", _shift(0.01 * np.sin(np.arange(frames)), 1)))


def _waving(frames: int = 41) -> SyntheticMotion:
    time = np.arange(frames) / 20.0
    body = standing(frames)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        shoulder = body[:, JOINT_NAMES.index(f"{side}_shoulder")]
        angle = 0.6 * np.sin(2.0 * np.pi * time) + 0.9
        direction = np.stack((0.0 * time, sign * np.sin(angle), -np.cos(angle)), axis=1)
        for part, reach in (("elbow", 0.26), ("wrist", 0.52)):
            body[:, JOINT_NAMES.index(f"{side}_{part}")] = shoulder + reach * direction
    return motion_of(body).replace(prompt_id=PROMPT.id, licence="CC0")


@pytest.fixture(scope="module")
def build() -> Build:
    return robot_build(get_embodiment("g1"))


def test_a_motion_is_put_on_the_floor_and_jumps_stay_in_the_air() -> None:
    sunk = motion_of(jumping(0.3) - (0.0, 0.0, 0.4))
    prepared = prepare(sunk, ConversionConfig())
    assert prepared.fps == 30.0 and prepared.duration == pytest.approx(sunk.duration, abs=1 / 30)
    support = find_support(prepared)
    assert np.percentile(support.lowest, 5.0) == pytest.approx(0.0, abs=1e-9)
    assert np.ptp(prepared.positions[:, PELVIS, 2]) == pytest.approx(0.3, abs=0.01)
    assert human_features(prepared).ballistic == pytest.approx(0.44, abs=0.04)
    told = prepared.provenance["conversion"]
    # The heel's sole is a little lower than the ball's, whose sole stood at -0.4 m.
    assert told["lifted"] == pytest.approx(0.4, abs=0.01) and told["root_sigma"] == told["joint_sigma"] == 0.0
    # What a floor has been found for stays where it is.
    again = prepare(prepared, ConversionConfig())
    assert np.allclose(again.positions, prepared.positions, atol=1e-9)


def test_only_learned_motions_are_smoothed_unless_told_otherwise() -> None:
    noise = np.random.default_rng(0).normal(0.0, 0.01, (61, 22, 3))
    body = turned(standing(61), 0.5 * np.sin(np.arange(61) / 5.0)) + noise
    for learned, smoothing, changes in ((False, "learned", False), (True, "learned", True), (True, "never", False)):
        prepared = prepare(motion_of(body, learned=learned), ConversionConfig(smoothing=smoothing))
        jerk = human_features(prepared).joint_jerk_mean
        raw = human_features(motion_of(body)).joint_jerk_mean
        assert (jerk < 0.4 * raw) == changes, (learned, smoothing)


def test_smoothing_does_not_shorten_what_swings() -> None:
    body = turned(standing(41), np.arange(41) / 6.0)
    made = smooth_joints(body, 2.0)
    assert not np.allclose(made, body, atol=1e-3)
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            before, after = (np.linalg.norm(each[:, joint] - each[:, parent], axis=1) for each in (body, made))
            assert np.allclose(before, after, atol=1e-9)


def test_smoothing_hides_no_bone_that_drifts() -> None:
    stretch = np.zeros(41)
    stretch[20] = 0.05
    body = with_joint(standing(41), "left_wrist", _shift(stretch, 1))
    made = prepare(motion_of(body, learned=True), ConversionConfig())
    assert bone_drift(body).max() > 0.04 and bone_drift(made.positions).max() < 0.02
    (found,) = (each for each in run_filters(made, FilterConfig()) if each.name == "bone_drift")
    assert found.value == pytest.approx(bone_drift(body).max())
    assert not found.passed and "before the motion was prepared" in found.reason


def test_smoothing_keeps_feet_on_the_floor_and_flights_falling() -> None:
    # A dip of the pelvis over standing feet, by knees that move out of the way; then a jump.
    time = np.arange(61) / 20.0
    dip = -0.2 * np.exp(-(((time - 1.5) / 0.12) ** 2))
    body = standing(61)
    upper = [joint for joint, name in enumerate(JOINT_NAMES) if not name.endswith(("ankle", "foot", "knee"))]
    body[:, upper, 2] += dip[:, None]
    motion = motion_of(body)
    made = smooth(motion, 0.1, 0.0)
    assert np.abs(find_support(made).lowest - find_support(motion).lowest).max() < 1e-9
    jump = motion_of(jumping(0.3))
    assert human_features(smooth(jump, 0.1, 0.05)).ballistic == pytest.approx(0.44, abs=0.05)


def test_the_released_conversion_is_reproduced() -> None:
    motion = motion_of(moved(standing(120), _shift(0.01 * np.arange(120), 0)))
    made = prepare(motion, ConversionConfig(claims_compat=True))
    assert (made.num_frames, made.fps) == (180, 30.0)
    assert made.positions[0, PELVIS, 2] == pytest.approx(COMPAT_HEIGHT)
    # Straight lines: 0.01 m a frame over 119 intervals, in 179 steps; the middle is far from the ends' smoothing.
    steps = np.diff(made.positions[60:120, PELVIS, 0])
    assert np.allclose(steps, 0.01 * 119 / 179, atol=1e-6)
    assert [result.name for result in failures(run_filters(made, claims_filters()))] == []
    high = moved(standing(60), _shift(np.linspace(0.0, 2.0, 60), 2))
    reasons = failures(run_filters(prepare(motion_of(high), ConversionConfig(claims_compat=True)), claims_filters()))
    assert [result.name for result in reasons] == ["root_high"]


def test_the_released_smoothing_of_joints_is_reproduced() -> None:
    # A forearm that swings to and fro by 0.1 rad, three times a second, seen 20 times a second.
    elbow, wrist = (JOINT_NAMES.index(f"left_{part}") for part in ("elbow", "wrist"))
    body = standing(121)
    angle = 0.1 * np.sin(2.0 * np.pi * 3.0 * np.arange(121) / 20.0)
    down = np.stack((np.sin(angle), 0.0 * angle, -np.cos(angle)), axis=1)
    body[:, wrist] = body[:, elbow] + 0.25 * down
    made = prepare(motion_of(body), ConversionConfig(claims_compat=True))
    forearm = (made.positions[:, wrist] - made.positions[:, elbow])[30:150]
    # A Gaussian of s seconds leaves exp(-(2 pi f s)^2 / 2) of a swing; straight lines take a little more.
    left = np.exp(-0.5 * (2.0 * np.pi * 3.0 * 2.0 / 30.0) ** 2)
    swing = np.sqrt(2.0) * np.arctan2(forearm[:, 0], -forearm[:, 2]).std() / 0.1
    assert 0.85 * left < swing < 1.02 * left
    assert np.allclose(np.linalg.norm(forearm, axis=1), 0.25, atol=1e-3)
    assert made.provenance["conversion"]["joint_sigma"] == pytest.approx(2.0 / 30.0)


def test_the_released_height_does_not_reach_the_robot(build: Build) -> None:
    config = ConversionConfig(claims_compat=True)
    made = prepare(_waving(), config)
    stands, _ = to_clip(made, PROMPT, build, config)
    high = made.replace(positions=made.positions + np.array((0.0, 0.0, 0.6)))
    hovers, quality = to_clip(high, PROMPT, build, config)
    assert np.allclose(hovers.root_pos, stands.root_pos, atol=1e-4) and quality.hover_p95 < 0.02


def test_the_released_height_rule_is_unsound_for_motions_that_begin_low() -> None:
    lying = _crawling()
    lifted = prepare(lying, ConversionConfig(claims_compat=True))
    # It lifts someone who lies by three quarters of a metre, and is content.
    assert find_support(lifted).lowest.min() > 0.7
    assert failures(run_filters(lifted, claims_filters())) == []
    assert "floating" in [result.name for result in failures(run_filters(lifted, FilterConfig()))]
    sound = prepare(lying, ConversionConfig())
    assert abs(np.percentile(find_support(sound).lowest, 5.0)) < 1e-9
    assert "floating" not in [result.name for result in failures(run_filters(sound, FilterConfig()))]
    # And what stands up first and lies down then, as in a roll, it refuses for its height alone.
    tilt = np.interp(np.arange(61) / 20.0, (1.0, 2.0), (0.0, 0.5 * np.pi))
    falling = turned(standing(61), tilt, "y")
    falling[..., 2] -= np.interp(tilt, (0.0, 0.5 * np.pi), (0.0, falling[0, PELVIS, 2] - 0.15))[:, None]
    made = prepare(motion_of(falling), ConversionConfig(claims_compat=True))
    assert [result.name for result in failures(run_filters(made, claims_filters()))] == ["root_low"]
    assert "root_low" not in [
        result.name for result in failures(run_filters(prepare(motion_of(falling), ConversionConfig()), FilterConfig()))
    ]


def test_a_clip_says_what_it_is(build: Build) -> None:
    motion = prepare(_waving(), ConversionConfig())
    clip, quality = to_clip(motion, PROMPT, build, ConversionConfig())
    assert (clip.name, clip.text, clip.licence) == (f"dance-{PROMPT.id}", PROMPT.text, "CC0")
    assert clip.robot == "g1" and clip.fps == 50.0 and clip.label in ("balance", "dynamic")
    assert "generated by hand (not learned), seed 0" in clip.source
    assert f"prompt {PROMPT.id}" in clip.history[0] and motion.digest[:12] in clip.history[0]
    assert "lifted" in clip.history[1] and "retargeted to g1" in clip.history[2]
    assert quality.error_mean < 0.03 and quality.frames == clip.num_frames == 101
    other, _ = to_clip(motion, PROMPT, build, ConversionConfig(robot_fps=30.0), name="mine")
    assert (other.name, other.fps) == ("mine", 30.0)


def test_below_the_bar_a_clip_is_refused_with_reasons(build: Build) -> None:
    motion = prepare(_waving(), ConversionConfig())
    config = ConversionConfig(bar=Bar(error_mean=0.0))
    with pytest.raises(RefusedClip, match=r"dance-\w+: error_mean .* is above 0") as caught:
        to_clip(motion, PROMPT, build, config)
    assert caught.value.quality.error_mean > 0.0
    folded = motion.positions.copy()
    folded[:, JOINT_NAMES.index("left_elbow")] = folded[:, JOINT_NAMES.index("left_wrist")]
    with pytest.raises(AthenaError, match="elbow and wrist coincide"):
        to_clip(motion.replace(positions=folded), PROMPT, build, config)


@pytest.mark.parametrize(
    ("moves", "changes", "label"),
    [
        ((), {"longest_flight": 0.4}, "dynamic"),
        (("walk",), {"pitch_turned": 1.0}, "dynamic"),
        (("walk", "arabesque"), {}, "balance"),
        (("squat",), {"longest_single_support": 2.0}, "balance"),
        (("run",), {"longest_flight": 0.15}, "locomotion"),
        (("front_kick",), {}, "dynamic"),
        ((), {"root_speed_mean": 1.0}, "locomotion"),
        (("bow",), {}, "balance"),
        (("straight_punch",), {"joint_speed_p95": 3.0}, "dynamic"),
    ],
)
def test_labels(moves: tuple[str, ...], changes: dict[str, float], label: str) -> None:
    still = human_features(motion_of(standing(21)))
    prompt = Prompt(text="x", moves=tuple(Move(move) for move in moves))
    assert label_of(prompt, dataclasses.replace(still, **changes)) == label


def test_recordings_become_22_joints(shared_motions: Path) -> None:
    human = read_human(shared_motions / "deepmimic_human" / "humanoid3d_walk.txt")[0]
    motion = from_human(human, "walk")
    assert motion.fps == 20.0 and not motion.is_learned and motion.prompt_id == "walk"
    assert np.allclose(body_axes(motion.positions[:1])[0, 1, 0], 0.0, atol=1e-9)
    assert np.allclose(motion.positions[0, PELVIS, :2], 0.0, atol=1e-9)
    for name in ("left_knee", "right_wrist"):
        assert motion.positions[0, JOINT_NAMES.index(name), 2] == pytest.approx(human.landmark(name)[0, 2], abs=1e-6)
    # It walks forwards.
    assert motion.positions[-1, PELVIS, 0] > 1.0


def test_a_recording_without_toes_and_spine_gets_them() -> None:
    whole = motion_of(standing(21)).human("p")
    lost = ("left_toe", "right_toe", "chest", "neck", "head")
    hidden = ("foot", "spine", "neck", "head", "collar")
    names = tuple(f"{name}_" if any(part in name for part in hidden) else name for name in JOINT_NAMES)
    landmarks = {key: value for key, value in whole.landmarks.items() if key not in lost}
    bare = whole.replace(landmarks=landmarks, joint_names=names)
    made = from_human(bare).positions
    known = from_human(whole).positions
    for name in JOINT_NAMES:
        joint = JOINT_NAMES.index(name)
        assert np.linalg.norm(made[0, joint] - known[0, joint]) < 0.12, name
    toe, ankle = JOINT_NAMES.index("left_foot"), JOINT_NAMES.index("left_ankle")
    assert made[0, toe, 0] > made[0, ankle, 0] + 0.08 and made[0, toe, 2] < made[0, ankle, 2]


def test_settings_are_checked() -> None:
    check_conversion(ConversionConfig(), "conversion")
    with pytest.raises(AthenaError, match=r"conversion\.smoothing: unknown 'sometimes'"):
        check_conversion(ConversionConfig(smoothing="sometimes"), "conversion")
    with pytest.raises(AthenaError, match=r"conversion\.ground_percentile: must be from 0 to 50, is 60"):
        check_conversion(ConversionConfig(ground_percentile=60.0), "conversion")
