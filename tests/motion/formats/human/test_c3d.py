from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("c3d", reason="C3D needs the package c3d: pip install -e '.[formats]' in the checkout")

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.human import read_human
from tests.motion.formats.human import people

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def test_plug_in_gait(tmp_path: Path) -> None:
    (motion,) = read_human(people.write_c3d(tmp_path / "a.c3d"))
    assert (motion.fps, motion.num_frames, len(motion.landmarks)) == (100.0, 40, 18)

    def at(name: str) -> np.ndarray:
        return motion.landmark(name)[0]

    np.testing.assert_allclose(at("pelvis"), (0.0, 0.0, 0.96), atol=1e-6)
    np.testing.assert_allclose(at("left_knee"), (-0.10, 0.02, 0.50), atol=1e-6)  # between its two markers
    np.testing.assert_allclose(at("left_ankle"), (-0.14 + 0.15 * 0.24, 0.0, 0.09), atol=1e-6)  # inwards of its one
    np.testing.assert_allclose(at("right_wrist"), (0.29, 0.0, 0.90), atol=1e-6)
    np.testing.assert_allclose(at("head"), (0.0, 0.0, 1.68), atol=1e-6)
    # Bell: 22 % of 240 mm behind the front marker, 14 % inwards, 30 % below, in the plane of the four hip markers,
    # which sinks by 20 mm over 200 mm to the front.
    ahead = np.array((0.0, 0.2, -0.02)) / np.hypot(0.2, 0.02)
    down = np.array((0.0, -0.02, -0.2)) / np.hypot(0.2, 0.02)
    hip = (-0.12, 0.1, 0.95) + 0.24 * (-0.22 * ahead + np.array((0.14, 0.0, 0.0)) + 0.30 * down)
    np.testing.assert_allclose(at("left_hip"), hip, atol=1e-6)
    np.testing.assert_allclose(motion.landmark("pelvis")[-1], (0.0, 0.39, 0.96), atol=1e-6)


def test_short_gaps_are_filled_and_reported(tmp_path: Path) -> None:
    whole = read_human(people.write_c3d(tmp_path / "a.c3d"))[0]
    (motion,) = read_human(people.write_c3d(tmp_path / "b.c3d", hide={"LTOE": range(10, 20), "C7": range(3)}))
    toe = motion.landmark("left_toe")
    np.testing.assert_allclose(toe, whole.landmark("left_toe"), atol=1e-6)  # it moves evenly
    assert any("LTOE: 10 hidden frames in 1 gap(s) filled, the longest 0.10 s" in step for step in motion.history)
    assert motion.landmark("neck")[0, 1] == pytest.approx(whole.landmark("neck")[0, 1] + 0.5 * 0.03)  # held


def test_long_gaps(tmp_path: Path) -> None:
    """An optional landmark is left out; one that the body needs is asked for."""
    file = people.write_c3d(tmp_path / "a.c3d", frames=80, hide={"LTOE": range(5, 70)})
    (motion,) = read_human(file)
    assert "left_toe" not in motion.landmarks
    assert any("hidden for more than 0.5 s and left out: Ann:LTOE" in step for step in motion.history)
    with pytest.raises(AthenaError, match=r"Ann:LSHO are hidden .* left_shoulder need"):
        read_human(people.write_c3d(tmp_path / "b.c3d", frames=80, hide={"LSHO": range(80)}))


def test_unknown_markers_can_be_named(tmp_path: Path) -> None:
    file = people.write_c3d(tmp_path / "a.c3d", rename={"LELB": "Q1", "RELB": "Q2"})
    with pytest.raises(AthenaError, match="no markers for left_elbow, right_elbow"):
        read_human(file)
    (motion,) = read_human(file, landmarks={"left_elbow": "Q1", "right_elbow": "Q2+RWRA"})
    np.testing.assert_allclose(motion.landmark("left_elbow")[0], (-0.26, 0.0, 1.15), atol=1e-6)
    np.testing.assert_allclose(motion.landmark("right_elbow")[0], (0.275, 0.015, 1.025), atol=1e-6)
    with pytest.raises(AthenaError, match="no marker 'Q3'"):
        read_human(file, landmarks={"left_elbow": "Q3"})
