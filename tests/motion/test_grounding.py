from __future__ import annotations

import numpy as np
import pytest

from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.check import check_clip
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.convert import convert_clip
from athena_wbc.motion.evidence import find_flights, trace_bodies
from athena_wbc.motion.grounding import ground_along
from tests.motion.samples import jumping, standing

G1 = get_embodiment("g1")


def lifted(clip: MotionClip, height: np.ndarray | float) -> MotionClip:
    return clip.replace(root_pos=clip.root_pos + np.outer(np.broadcast_to(height, clip.num_frames), (0.0, 0.0, 1.0)))


def lowest(clip: MotionClip) -> np.ndarray:
    return trace_bodies(G1, clip.root_pos, clip.root_quat, clip.joint_pos, clip.fps).lowest


def test_a_clip_that_floats_differently_over_time() -> None:
    """2 s at 10 cm, 2 s 4 cm below the ground: found at exactly its frames, and at 0 afterwards."""
    offset = np.repeat((0.1, -0.04), 60)
    clip = lifted(standing(G1, frames=120), offset - lowest(standing(G1)).min())
    found = {finding.kind: finding.frames for finding in check_clip(clip, G1)}
    assert (found["floating"], found["penetration"]) == (((0, 60),), ((60, 120),))
    fixed = ground_along(clip, G1)
    away = np.r_[0:54, 66:120]  # three standard deviations, 0.18 s, from the step
    np.testing.assert_allclose(lowest(fixed)[away], 0.0, atol=1e-3)
    np.testing.assert_array_equal(fixed.root_pos[:, :2], clip.root_pos[:, :2])
    assert fixed.history[-1] == "grounded along 1 s: moved by -0.1000 to +0.0400 m"


def test_flights_keep_their_airtime_and_their_fall() -> None:
    """The ground rises by 8 cm from take-off to landing: taken away as a straight line, which no parabola notices."""
    jump = jumping(G1)
    clip = lifted(jump, np.interp(np.arange(jump.num_frames), (15, 30), (0.0, 0.08)))
    for source in (jump, clip):
        fixed = ground_along(source, G1)
        trace = trace_bodies(G1, fixed.root_pos, fixed.root_quat, fixed.joint_pos, fixed.fps)
        (flight,) = find_flights(trace)
        assert flight.acceleration == pytest.approx(-9.81, abs=1e-6)
        assert flight.rise == pytest.approx(2.5**2 / (2.0 * 9.81), abs=0.03)
        assert np.abs(lowest(fixed)[np.r_[0:10, 36:45]]).max() < 0.02


@pytest.mark.parametrize("window", [0.0, -1.0, float("nan"), float("inf")])
def test_windows_that_cannot_be(window: float) -> None:
    with pytest.raises(AthenaError, match="--ground_window: must be a positive time"):
        ground_along(standing(G1), G1, window)


def test_one_way_of_grounding() -> None:
    with pytest.raises(AthenaError, match="--ground_window: excludes --ground"):
        convert_clip(standing(G1), G1, ground=True, ground_window=1.0)
