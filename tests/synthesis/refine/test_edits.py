"""Edits of motions: what each repairs, and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.convert import ConversionConfig, prepare
from athena_wbc.synthesis.filters import FilterConfig, run_filters
from athena_wbc.synthesis.ground import find_support
from athena_wbc.synthesis.motion import JOINT_NAMES, LEFT_FOOT, PARENTS, PELVIS
from athena_wbc.synthesis.refine import edits
from tests.synthesis.figure import motion_of, moved, standing, with_joint


def lengths(motion) -> np.ndarray:
    bones = [(joint, parent) for joint, parent in enumerate(PARENTS) if parent >= 0]
    return np.stack(
        [np.linalg.norm(motion.positions[:, joint] - motion.positions[:, parent], axis=1) for joint, parent in bones], 1
    )


def failed(motion) -> list[str]:
    return [result.name for result in run_filters(motion, FilterConfig(motion=0.0)) if not result.passed]


@pytest.mark.parametrize("depth", [-0.2, 0.3])
def test_grounding_puts_the_lowest_point_on_the_floor(depth: float):
    sunk = motion_of(moved(standing(40), np.tile((0.0, 0.0, depth), (40, 1))))
    assert failed(sunk)
    done = edits.ground(sunk)
    assert find_support(done).lowest == pytest.approx(0.0, abs=1e-9)
    assert failed(done) == []
    assert np.allclose(edits.ground(done).positions, done.positions)


def test_locked_feet_do_not_slide_and_the_pose_stays():
    path = np.stack((np.arange(60) / 20.0, np.zeros(60), np.zeros(60)), axis=1)
    sliding = motion_of(moved(standing(60), path))
    assert failed(sliding) == ["skating"]
    done = edits.lock_feet(sliding)
    assert failed(done) == []
    speed = np.linalg.norm(np.diff(done.positions[10:-10, LEFT_FOOT], axis=0), axis=1) * 20.0
    assert speed.max() < 0.02
    pose = sliding.positions - sliding.positions[:, [PELVIS]]
    assert np.allclose(done.positions - done.positions[:, [PELVIS]], pose)


def test_a_flight_keeps_its_way():
    path = np.stack((np.arange(60) / 20.0, np.zeros(60), np.full(60, 1.0)), axis=1)
    flying = motion_of(moved(standing(60), path))
    assert np.allclose(edits.lock_feet(flying).positions, flying.positions)


def test_smoothing_takes_jolts_and_leaves_bones():
    rng = np.random.default_rng(0)
    jolting = motion_of(moved(standing(60), 0.1 * rng.standard_normal((60, 3))))
    assert "root_jump" in failed(jolting)
    done = edits.smooth(jolting, 0.1)
    assert "root_jump" not in failed(done)
    assert np.allclose(lengths(done), lengths(jolting))


def test_trimming_cuts_seconds_and_not_too_many():
    motion = motion_of(moved(standing(60), np.stack((np.arange(60.0), np.zeros(60), np.zeros(60)), axis=1)))
    cut = edits.trim(motion, 0.5, 1.0)
    assert cut.num_frames == 60 - 10 - 20
    assert cut.positions[0, PELVIS, 0] == pytest.approx(10.0)
    with pytest.raises(AthenaError, match=r"trim: .* take less"):
        edits.trim(motion, 1.5, 1.3)


@pytest.mark.parametrize("factor", [0.8, 1.5])
def test_stretching_changes_the_time_and_not_the_path(factor: float):
    x = np.linspace(0.0, 3.0, 61)
    motion = motion_of(moved(standing(61), np.stack((x, 0 * x, 0 * x), axis=1)))
    done = edits.stretch(motion, factor)
    assert done.fps == motion.fps
    assert done.duration == pytest.approx(3.0 * factor, abs=0.051)
    assert np.diff(done.positions[:, PELVIS, 0]) == pytest.approx(0.05 / factor, abs=1e-9)
    assert np.allclose(lengths(done), lengths(motion)[0])


def test_bones_get_their_median_length():
    shift = np.zeros((40, 3))
    shift[20:24, 1] = 0.1
    drifting = motion_of(with_joint(standing(40), "left_wrist", shift))
    assert "bone_drift" in failed(drifting)
    done = edits.fix_bones(drifting)
    assert np.allclose(lengths(done), np.median(lengths(drifting), axis=0))
    wrist = JOINT_NAMES.index("left_wrist")
    assert np.allclose(done.positions[:, :wrist], drifting.positions[:, :wrist])


def test_drift_that_was_noted_before_preparation_is_no_more():
    shift = np.zeros((40, 3))
    shift[20:24, 1] = 0.1
    drifting = motion_of(with_joint(standing(40), "left_wrist", shift))
    prepared = prepare(drifting, ConversionConfig(smoothing="always"))
    assert "bone_drift" in failed(prepared)
    done = edits.fix_bones(prepared)
    assert "bone_drift" not in failed(done)
    assert done.provenance["conversion"]["bones_fixed"] == prepared.provenance["conversion"]["bone_drift"] > 0.05
