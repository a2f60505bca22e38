from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.human import deepmimic, read_human
from tests.motion.formats.human import people


def test_upright_with_bent_knees(tmp_path: Path) -> None:
    (motion,) = read_human(people.write_deepmimic(tmp_path / "a.txt"))
    assert motion.fps == pytest.approx(30.0)
    pelvis, knee, ankle = (motion.landmark(name)[0] for name in ("pelvis", "left_knee", "left_ankle"))
    # The file's x stays, its y is the height, its z (to the right) becomes -y.
    np.testing.assert_allclose(pelvis, (0.0, 0.0, 0.85), atol=1e-12)
    np.testing.assert_allclose(knee, (0.0, 0.084887, 0.85 - 0.421546), atol=1e-9)
    # A knee angle of -0.3 rad turns the shank backwards.
    np.testing.assert_allclose(ankle - knee, (-0.40987 * np.sin(0.3), 0.0, -0.40987 * np.cos(0.3)), atol=1e-9)
    np.testing.assert_allclose(motion.landmark("pelvis")[-1], (0.3, 0.0, 0.85), atol=1e-9)


def test_elbows_bend_forwards(tmp_path: Path) -> None:
    rows = people.deepmimic_frames()
    rows[:, 29] = np.pi / 2.0
    (motion,) = read_human(people.write_deepmimic(tmp_path / "a.txt", rows))
    forearm = motion.landmark("right_wrist")[0] - motion.landmark("right_elbow")[0]
    np.testing.assert_allclose(forearm, (0.258947, 0.0, 0.0), atol=1e-9)


def test_uneven_durations_are_resampled(tmp_path: Path) -> None:
    rows = people.deepmimic_frames(7, 0.05)
    rows[2, 0] = 0.1  # a frame of twice the length: the root covers twice the way in it
    rows[3:, 1] += 0.05
    (motion,) = read_human(people.write_deepmimic(tmp_path / "a.txt", rows))
    assert motion.num_frames == 8
    np.testing.assert_allclose(motion.landmark("pelvis")[:, 0], 0.05 * np.arange(8), atol=1e-9)
    assert any("resampled" in step for step in motion.history)


def test_the_last_duration_does_not_count(tmp_path: Path) -> None:
    rows = people.deepmimic_frames()
    rows[-1, 0] = 0.0
    assert read_human(people.write_deepmimic(tmp_path / "a.txt", rows))[0].num_frames == len(rows)
    rows[2, 0] = 0.0
    with pytest.raises(AthenaError, match="frame 2 lasts 0 s"):
        read_human(people.write_deepmimic(tmp_path / "a.txt", rows))


def test_a_quaternion_that_is_none(tmp_path: Path) -> None:
    rows = people.deepmimic_frames()
    rows[3, 12:16] = 0.0
    with pytest.raises(AthenaError, match="neck: its quaternion has the norm 0 at frame 3"):
        read_human(people.write_deepmimic(tmp_path / "a.txt", rows))


def test_the_clips_of_pybullet() -> None:
    clips = deepmimic.installed_clips()
    if not clips:
        pytest.skip("pybullet is not installed")
    for path in clips.values():
        (motion,) = read_human(path)
        assert motion.num_frames > 10
