from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.human import read_human
from athena_wbc.motion.formats.human.humanml3d import joints_from_features
from tests.motion.formats.human import people


def turning() -> np.ndarray:
    """The walk along a curve: every frame turned about the vertical by another angle."""
    joints = people.joints()
    return np.stack([[people._about_y(joint, 0.07 * t) for joint in pose] for t, pose in enumerate(joints)])


@pytest.mark.parametrize("make", [people.joints, turning])
def test_features_lead_back_to_the_joints(tmp_path: Path, make) -> None:
    joints = make()
    # Features start at the origin and face z.
    heading = people._heading(joints[0])
    start = joints - joints[0, 0] * np.array((1.0, 0.0, 1.0))
    start = np.stack([[people._about_y(joint, -heading) for joint in pose] for pose in start])
    np.testing.assert_allclose(joints_from_features(people.encode_humanml3d(joints)), start[:-1], atol=1e-9)


def test_both_forms_give_the_same_motion(tmp_path: Path) -> None:
    people.write_npy(tmp_path / "vecs.npy", people.encode_humanml3d(people.joints()).astype(np.float32))
    people.write_npy(tmp_path / "joints.npy", people.joints())
    (features,), (joints,) = read_human(tmp_path / "vecs.npy"), read_human(tmp_path / "joints.npy")
    assert features.fps == joints.fps == 20.0
    np.testing.assert_allclose(features.positions, joints.positions[:-1], atol=2e-6)
    # y up becomes z up: the file's y is the height.
    np.testing.assert_allclose(joints.positions[..., 2], people.joints()[..., 1])


def test_normalised_features_and_means_are_refused(tmp_path: Path) -> None:
    features = people.encode_humanml3d(people.joints())
    people.write_npy(tmp_path / "a.npy", features - features.mean(axis=0))
    with pytest.raises(AthenaError, match=r"normalised; multiply them by Std\.npy"):
        read_human(tmp_path / "a.npy")
    people.write_npy(tmp_path / "Mean.npy", features.mean(axis=0))
    with pytest.raises(AthenaError, match="mean or deviation"):
        read_human(tmp_path / "Mean.npy")
