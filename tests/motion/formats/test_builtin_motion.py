"""Motion with planted feet and flights at g, written and read as files of other projects have it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.builtin import builtin_clips
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.formats import read_motion
from tests.motion.samples import write_csv

NAMES = ("walk", "squat", "vertical_jump")


@pytest.fixture(scope="module")
def clips(g1: Embodiment) -> dict[str, MotionClip]:
    return {clip.name: clip for clip in builtin_clips(g1, NAMES)}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("written", "wrong"), [("xyzw", "wxyz"), ("wxyz", "xyzw")])
def test_quaternion_orders(
    tmp_path: Path, g1: Embodiment, clips: dict[str, MotionClip], name: str, written: str, wrong: str
) -> None:
    clip = clips[name]
    path = write_csv(tmp_path / "a.csv", clip, written)
    (read,) = read_motion(path, robot=g1, fps=clip.fps)
    np.testing.assert_allclose(read.root_quat, clip.root_quat, atol=1e-6)
    with pytest.raises(AthenaError, match=rf"a\.csv: root_quat: read as {wrong} .* give --quaternion {written}"):
        read_motion(path, robot=g1, fps=clip.fps, quaternion=wrong)


def test_a_walk_read_backwards_says_so(tmp_path: Path, g1: Embodiment, clips: dict[str, MotionClip]) -> None:
    path = write_csv(tmp_path / "a.csv", clips["walk"], "xyzw")
    with pytest.raises(AthenaError, match="it faces backwards against its own velocity"):
        read_motion(path, robot=g1, fps=50, quaternion="wxyz")


@pytest.mark.parametrize(("fps", "weight"), [(25, "lighter"), (100, "heavier"), (60, "heavier"), (35, "lighter")])
def test_a_jump_at_another_rate(
    tmp_path: Path, g1: Embodiment, clips: dict[str, MotionClip], fps: float, weight: str
) -> None:
    path = write_csv(tmp_path / "a.csv", clips["vertical_jump"])
    with pytest.raises(AthenaError, match=rf"a\.csv: fps: at {fps} fps .*{weight} than g; give --fps \(about 50"):
        read_motion(path, robot=g1, fps=fps, quaternion="xyzw")


def test_what_is_saved_is_read(tmp_path: Path, g1: Embodiment, clips: dict[str, MotionClip]) -> None:
    for clip in clips.values():
        clip.save(tmp_path / "a.npz")
        (read,) = read_motion(tmp_path / "a.npz", robot=g1)
        np.testing.assert_allclose(read.root_pos, clip.root_pos, atol=1e-6)
        np.testing.assert_allclose(read.joint_pos, clip.joint_pos, atol=1e-6)
        assert read.history == clip.history
