"""Corrections of a sampled motion."""

from __future__ import annotations

import numpy as np
import pytest

from athena_wbc.motion.formats.human import body
from athena_wbc.synthesis.generators.mdm.post import PostConfig, bone_lengths, corrected, with_lengths
from athena_wbc.synthesis.motion import JOINT_NAMES


def trembling(noise: float = 0.02) -> np.ndarray:
    """A person 30 cm above the floor who stands and trembles: (40, 22, 3)."""
    rest = np.zeros((22, 3))
    for joint, parent in enumerate(body.PARENTS[:22]):
        rest[joint] = body.OFFSETS[joint] + (rest[parent] if parent >= 0 else 0.0)
    rest = rest[:, (2, 0, 1)]
    rest[:, 2] += 0.3 - rest[:, 2].min()
    return rest + noise * np.random.default_rng(0).standard_normal((40, 22, 3))


def test_without_corrections_nothing_changes() -> None:
    positions = trembling()
    same, done = corrected(positions, PostConfig())
    assert same is positions and done == {}


def test_bones_get_one_length_and_keep_their_directions() -> None:
    positions = trembling()
    before = bone_lengths(positions)
    built, done = corrected(positions, PostConfig(bones=True))
    after = bone_lengths(built)
    assert np.abs(after - after[0]).max() < 1e-12
    left, right = (JOINT_NAMES.index(f"{side}_knee") - 1 for side in ("left", "right"))
    assert (
        after[0, left]
        == pytest.approx(after[0, right])
        == pytest.approx(np.median(before, axis=0)[[left, right]].mean())
    )
    assert done["bone_drift_m"] == pytest.approx(np.abs(before - after[0]).max(), abs=1e-4)
    assert np.array_equal(built[:, 0], positions[:, 0])

    def direction(joints: np.ndarray) -> np.ndarray:
        bone = joints[:, JOINT_NAMES.index("left_wrist")] - joints[:, JOINT_NAMES.index("left_elbow")]
        return bone / np.linalg.norm(bone, axis=1, keepdims=True)

    assert np.allclose(direction(built), direction(positions), atol=1e-12)


def test_right_lengths_change_nothing() -> None:
    positions = trembling(0.0)
    assert np.allclose(with_lengths(positions, bone_lengths(positions)[0]), positions, atol=1e-12)


def test_the_ground_is_at_the_lowest_points() -> None:
    grounded, done = corrected(trembling(), PostConfig(ground=True))
    assert np.percentile(grounded[..., 2].min(axis=1), 5.0) == pytest.approx(0.0, abs=1e-12)
    assert -0.3 < done["ground_shift_m"] < -0.2


def test_smoothing_takes_the_tremble_off() -> None:
    positions = trembling()
    smooth, done = corrected(positions, PostConfig(smooth=2.0))
    assert np.abs(np.diff(smooth, axis=0)).mean() < 0.2 * np.abs(np.diff(positions, axis=0)).mean()
    assert done == {"smooth_frames": 2.0}
