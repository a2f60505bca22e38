"""Each filter sees what it is for, and only that; recordings pass."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.human import read_human
from athena_wbc.synthesis.convert import ConversionConfig, prepare
from athena_wbc.synthesis.filters import LOWER, FilterConfig, check_filters, failures, run_filters
from athena_wbc.synthesis.ground import find_support
from athena_wbc.synthesis.motion import PELVIS
from tests.synthesis.figure import jumping, motion_of, moved, standing, turned, with_joint
from tests.synthesis.recordings import from_human

NAMES = (
    "duration", "motion", "root_low", "root_high", "penetration", "floating", "skating", "bone_drift", "joint_speed",
    "root_jump",
)  # fmt: skip

BROKEN_RECORDINGS = {
    "humanoid3d_dance_b": ["skating"],
    "video_single_foot_balance_level2_filter_amass": ["root_jump"],
}
"""Named in docs/synthesis_filters.md with their numbers."""


def _shift(values: np.ndarray, axis: int) -> np.ndarray:
    out = np.zeros((len(values), 3))
    out[:, axis] = values
    return out


def _swaying(frames: int = 61) -> np.ndarray:
    """Standing, with arms that go up and down: nothing wrong with it."""
    time = np.arange(frames) / 20.0
    body = standing(frames)
    for side in ("left", "right"):
        for name in (f"{side}_elbow", f"{side}_wrist"):
            body = with_joint(body, name, _shift(0.01 * np.sin(6.0 * time), 0))
    return turned(body, 0.3 * np.sin(3.0 * time))


def _failed(positions: np.ndarray, config: FilterConfig | None = None) -> list[str]:
    results = run_filters(motion_of(positions), config or FilterConfig())
    assert tuple(result.name for result in results) == NAMES
    assert all(result.passed or result.reason for result in results)
    assert all(not result.reason for result in results if result.passed)
    return [result.name for result in failures(results)]


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert _failed(_swaying()) == []
    assert _failed(jumping(0.4)) == []


def test_sunk_by_five_centimetres() -> None:
    assert _failed(moved(_swaying(), _shift(np.full(61, -0.05), 2))) == ["penetration"]
    assert _failed(moved(_swaying(), _shift(np.full(61, -0.02), 2))) == []
    # One frame of 61 is less than 2 %, three are more.
    for frames, sinks in ((1, False), (3, True)):
        depth = np.zeros(61)
        depth[20 : 20 + frames] = -0.06
        assert ("penetration" in _failed(moved(_swaying(), _shift(depth, 2)))) == sinks


@pytest.mark.parametrize(
    ("sinks", "value"),
    [
        (((0.3, 0.05),), 0.05),
        (((0.04, 0.10),), 0.10),
        (((0.3, 0.05), (0.04, 0.10)), 0.05),
        (((0.3, 0.02), (0.01, 0.10)), None),
        (((1.0, 0.4),), None),
    ],
    ids=["long", "short", "both", "little", "throughout"],
)
def test_what_sinks_is_found_after_its_floor_was(sinks: tuple[tuple[float, float], ...], value: float | None) -> None:
    """Share of the frames and depth; a body that is deep throughout is only put on the floor."""
    frames = 201
    depth, start = np.zeros(frames), 0
    for share, deep in sinks:
        stop = start + round(share * frames)
        depth[start:stop], start = -deep, stop
    body = _swaying(frames)
    body[..., 2] -= find_support(motion_of(body)).lowest.min()
    for learned in (False, True):
        made = prepare(motion_of(moved(body, _shift(depth, 2)), learned=learned), ConversionConfig())
        (found,) = (each for each in run_filters(made, FilterConfig()) if each.name == "penetration")
        assert found.passed == (value is None), (learned, found)
        if value is not None:
            # Gaussians of 0.1 s make a sink of 0.4 s shallower.
            assert found.value == pytest.approx(value, abs=0.006 if not learned else 0.02)


def test_feet_that_wander_above_the_floor_do_not_sink() -> None:
    """Good recordings stand 5 cm above their lowest frames; nothing of them is below their own floor."""
    body = moved(_swaying(), _shift(np.where(np.arange(61) < 18, 0.0, 0.05), 2))
    body[..., 2] -= find_support(motion_of(body)).lowest.min()
    results = failures(run_filters(prepare(motion_of(body), ConversionConfig()), FilterConfig()))
    assert "penetration" not in [result.name for result in results]


def test_floating_for_half_a_second() -> None:
    time = np.arange(61) / 20.0
    body = moved(_swaying(), _shift(np.interp(time, (1.0, 1.1, 1.5, 1.6), (0.0, 0.12, 0.12, 0.0)), 2))
    assert _failed(body) == ["floating"]
    result = run_filters(motion_of(body), FilterConfig())[NAMES.index("floating")]
    assert result.value == pytest.approx(0.5, abs=0.06) and "frame 22" in result.reason
    # A jump of the same height and time falls freely.
    assert "floating" not in _failed(jumping(0.3))
    # What floats all along is as bad, and prepare() puts it on the floor.
    hovering = moved(_swaying(), _shift(np.full(61, 0.2), 2))
    assert _failed(hovering) == ["floating"]
    assert failures(run_filters(prepare(motion_of(hovering), ConversionConfig()), FilterConfig())) == []


def test_skating() -> None:
    gliding = moved(_swaying(), _shift(0.8 * np.arange(61) / 20.0, 0))
    assert _failed(gliding) == ["skating"]
    assert _failed(moved(_swaying(), _shift(0.2 * np.arange(61) / 20.0, 0))) == []
    # A foot that slides beside one that stands is a step, not skating.
    foot = _shift(0.2 * np.sin(8.0 * np.arange(61) / 20.0), 0)
    stepping = with_joint(standing(61), "left_foot", foot, ("left_ankle", "left_knee"))
    result = run_filters(motion_of(stepping), FilterConfig())[NAMES.index("skating")]
    assert result.value == 0.0


def test_a_stretched_bone() -> None:
    stretch = np.zeros(61)
    stretch[30:33] = 0.04
    body = with_joint(_swaying(), "left_wrist", _shift(stretch, 1))
    assert _failed(body) == ["bone_drift"]
    result = run_filters(motion_of(body), FilterConfig())[NAMES.index("bone_drift")]
    assert result.value == pytest.approx(0.04, abs=0.005) and "left_wrist" in result.reason
    assert any(f"frame {frame}" in result.reason for frame in (30, 31, 32))


def test_a_teleport() -> None:
    away = np.where(np.arange(61) < 30, 0.0, 0.5)
    body = moved(_swaying(), _shift(away, 1))
    assert _failed(body) == ["root_jump"]
    result = run_filters(motion_of(body), FilterConfig())[NAMES.index("root_jump")]
    # 0.5 m in one frame of 50 ms.
    assert result.value == pytest.approx(10.0, abs=0.1) and "frame 29" in result.reason
    assert _failed(moved(_swaying(), _shift(3.0 * away, 1))) == ["joint_speed", "root_jump"]


def test_short_still_low_and_high() -> None:
    assert _failed(_swaying()[:10]) == ["duration"]
    assert _failed(standing(61)) == ["motion"]
    # Lying would be fine; here the pelvis itself is in the floor.
    low = turned(_swaying(), np.full(61, 0.5 * np.pi), "y")
    low[..., 2] -= low[:, PELVIS, 2].mean() - 0.05
    assert "root_low" in _failed(low)
    time = np.arange(121) / 20.0
    high = moved(_swaying(121), _shift(0.5 * 9.81 * np.clip(time - 1.0, 0, 1.3) * np.clip(2.3 - time, 0, 1.3), 2))
    # It lands at 6 m/s on stiff legs.
    assert _failed(high) == ["root_high", "root_jump"]


def test_every_limit_can_be_switched_off() -> None:
    bad = moved(standing(8), _shift(np.where(np.arange(8) < 4, -3.0, 30.0), 2))
    bad = with_joint(bad, "left_wrist", _shift(np.linspace(0.0, 0.3, 8), 0))
    assert len(_failed(bad)) >= 6
    off = {field.name: math.inf for field in dataclasses.fields(FilterConfig)}
    off |= {"duration": -math.inf, "motion": -math.inf, "root_low": -math.inf}
    assert _failed(bad, FilterConfig(**off)) == []


def test_limits_are_checked() -> None:
    check_filters(FilterConfig(floating=math.inf, root_low=-math.inf), "filters")
    for key, value in (("penetration", -0.1), ("skating", math.nan), ("floating", -math.inf)):
        with pytest.raises(AthenaError, match=f"filters.{key}: must be zero or more"):
            check_filters(FilterConfig(**{key: value}), "filters")
    for key in LOWER:
        for value in (-1.0, math.inf, math.nan):
            with pytest.raises(AthenaError, match=f"filters.{key}: must be zero or more, or -inf to switch it off, is"):
                check_filters(FilterConfig(**{key: value}), "filters")
    with pytest.raises(AthenaError, match="or inf to switch it off, is -inf"):
        check_filters(FilterConfig(floating=-math.inf), "filters")


@pytest.mark.parametrize("folder", ["deepmimic_human", "humanml3d_sample", "asap_smpl"])
def test_recordings_pass_but_for_those_that_are_broken(shared_motions: Path, folder: str) -> None:
    pattern = {"deepmimic_human": "*.txt", "humanml3d_sample": "new_joints__*.npy", "asap_smpl": "*.npz"}[folder]
    files = sorted((shared_motions / folder).glob(pattern))
    assert files
    found = {}
    for file in files:
        motion = prepare(from_human(read_human(file)[0]), ConversionConfig())
        names = [result.name for result in failures(run_filters(motion, FilterConfig()))]
        if names:
            found[file.stem] = names
    stems = {file.stem for file in files}
    assert found == {stem: names for stem, names in BROKEN_RECORDINGS.items() if stem in stems}
