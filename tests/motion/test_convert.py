from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.convert import convert_clip, output_path, trim_range
from athena_wbc.motion.evidence import trace_bodies
from athena_wbc.motion.grounding import ground_clip
from tests.motion.samples import gliding, random_clip, standing

G1 = get_embodiment("g1")


def test_nothing_asked_nothing_done() -> None:
    clip = random_clip(G1)
    assert convert_clip(clip, G1) is clip


def test_grounding_puts_the_lowest_foot_point_at_zero() -> None:
    clip = random_clip(G1)
    grounded = ground_clip(clip.replace(root_pos=clip.root_pos + np.array((0.0, 0.0, 0.37))), G1)
    trace = trace_bodies(G1, grounded.root_pos, grounded.root_quat, grounded.joint_pos, grounded.fps)
    assert trace.foot_height.min() == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_array_equal(grounded.root_pos[:, :2], clip.root_pos[:, :2])
    assert grounded.history[-1].startswith("grounded: moved by -0.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10:20", (10, 20)),
        (":20", (0, 20)),
        ("10:", (10, 60)),
        ("0.5s:1s", (15, 30)),
        ("1s:", (30, 60)),
        ("1s:99s", (30, 60)),
    ],
)
def test_ranges(text: str, expected: tuple[int, int]) -> None:
    assert trim_range(text, standing(G1)) == expected


@pytest.mark.parametrize("text", ["10", "a:b", "1.5:3", "1:2:3", "-3:9", "3;9"])
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(AthenaError, match=f"--trim: '{text}' is no range"):
        trim_range(text, standing(G1))


@pytest.mark.parametrize("text", ["20:10", "5:6", "70:80", "9s:"])
def test_ranges_that_leave_too_little(text: str) -> None:
    with pytest.raises(AthenaError, match=f"standing: --trim {text} leaves [01] of its 60 frames"):
        trim_range(text, standing(G1))


def test_steps_come_in_order_and_are_told() -> None:
    clip = convert_clip(gliding(G1, speed=1.0), G1, fps=60, ground=True, trim="1s:2s")
    assert (clip.num_frames, clip.fps) == (59, 60.0)
    np.testing.assert_allclose(clip.root_pos[0, 0], 1.0)
    np.testing.assert_allclose(np.diff(clip.root_pos[:, 0]), 1.0 / 60.0)
    assert [step.split()[0] for step in clip.history] == ["frames", "grounded:", "resampled"]


@pytest.mark.parametrize("fps", [0.0, -5.0, float("nan"), 0.1])
def test_frame_rates_that_cannot_be(fps: float) -> None:
    with pytest.raises(AthenaError, match=r"must be a positive frame rate|too short for two frames"):
        convert_clip(standing(G1), G1, fps=fps)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("walk", "walk.npz"),
        ("take.bvh_60hz", "take.bvh_60hz.npz"),
        ("b~2", "b~2.npz"),
        ("/etc/passwd", "etc_passwd.npz"),
        ("../../x", "x.npz"),
        ("a b:c", "a_b_c.npz"),
        ("...", "clip.npz"),
    ],
)
def test_names_stay_in_their_folder(name: str, expected: str) -> None:
    assert output_path("out", name) == Path("out") / expected
