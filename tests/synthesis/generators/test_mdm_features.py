"""HumanML3D features: against the published sample, and there and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.human import body
from athena_wbc.synthesis.generators.mdm import features as hml
from athena_wbc.synthesis.motion import JOINT_NAMES

OURS, THEIRS = (2, 0, 1), (1, 2, 0)


@pytest.fixture
def sample(shared_motions: Path) -> tuple[np.ndarray, np.ndarray]:
    """Features (170, 263) and joints (170, 22, 3), y up, of the clip that HumanML3D publishes."""
    folder = shared_motions / "humanml3d_sample"
    if not folder.is_dir():
        pytest.skip("the shared motions hold no HumanML3D sample")
    return tuple(np.load(folder / f"{name}__012314.npy").astype(float) for name in ("new_joint_vecs", "new_joints"))


def about(axis: int, angles: np.ndarray) -> Rotation:
    """Rotations about a coordinate axis, rad."""
    return Rotation.from_rotvec(np.multiply.outer(np.asarray(angles), np.eye(3)[axis]))


def walker(frames: int = 60, turn: float = 1.5) -> np.ndarray:
    """Someone who walks a bend with swinging limbs: (frames, 22, 3), z up, off the origin and off the floor."""
    time = np.arange(frames) / 20.0
    rotvec = np.zeros((frames, 22, 3))
    for index in range(22):
        rotvec[:, index] = 0.25 * np.sin(2.0 * np.pi * time[:, None] * (0.6 + 0.05 * index) + np.arange(3) + index)
    yaw = about(1, 0.4 + turn * time / time[-1])
    quats = Rotation.from_rotvec(rotvec.reshape(-1, 3)).as_quat().reshape(frames, 22, 4)
    quats[:, 0] = (yaw * Rotation.from_rotvec(0.3 * rotvec[:, 0])).as_quat()
    root = np.column_stack((3.0 + 0.9 * np.sin(time), 1.35 + 0.03 * np.sin(5.0 * time), 1.2 * time - 2.0))
    return body.forward(body.PARENTS[:22], body.OFFSETS, quats, root)[0][..., OURS]


def test_decoding_gives_the_joints_of_the_sample(sample) -> None:
    features, joints = sample
    assert np.abs(hml.decode(features) - joints[..., OURS]).max() < 2e-6


def test_encoding_gives_the_features_of_the_sample(sample) -> None:
    features, joints = sample
    # The sample's last frame was dropped with the features; its steps tell where the joints were.
    yaw = 2.0 * features[:-1, 0].sum()
    steps = about(1, -yaw).apply(features[-1, hml.VELOCITIES].reshape(22, 3))
    joints = np.concatenate((joints, joints[-1:] + steps))
    encoded = hml.encode(joints[..., OURS])
    assert encoded.shape == features.shape
    assert np.abs(encoded - features).max() < 1e-4
    assert np.array_equal(encoded[:, hml.CONTACTS], features[:, hml.CONTACTS])


@pytest.mark.parametrize("turn", [0.0, 1.5, -2.5])
def test_there_and_back(turn: float) -> None:
    positions = walker(turn=turn)
    back = hml.decode(hml.encode(positions))
    assert back.shape == (len(positions) - 1, 22, 3)
    assert np.abs(back - hml.placed(positions)[:-1]).max() < 1e-5


def test_placing_is_a_rigid_motion_to_the_start_line() -> None:
    positions = walker()
    placed = hml.placed(positions)
    assert placed[..., 2].min() == pytest.approx(0.0, abs=1e-12)
    assert placed[0, 0, :2] == pytest.approx((0.0, 0.0), abs=1e-12)
    across = placed[0, JOINT_NAMES.index("left_hip")] - placed[0, JOINT_NAMES.index("right_hip")]
    across += placed[0, JOINT_NAMES.index("left_shoulder")] - placed[0, JOINT_NAMES.index("right_shoulder")]
    assert across[0] == pytest.approx(0.0, abs=1e-12) and across[1] > 0.0
    apart = np.linalg.norm(positions[:, :, None] - positions[:, None], axis=-1)
    assert np.allclose(np.linalg.norm(placed[:, :, None] - placed[:, None], axis=-1), apart, atol=1e-12)


def test_features_say_what_they_should() -> None:
    """A rigid T pose that goes forwards by 2 cm and turns left by 0.02 rad a frame."""
    frames = 30
    rest = np.zeros((22, 3))
    for joint, parent in enumerate(body.PARENTS[:22]):
        rest[joint] = body.OFFSETS[joint] + (rest[parent] if parent >= 0 else (0.0, 1.0, 0.0))
    ours = rest[:, OURS]
    positions = np.stack([about(2, 0.02 * t).apply(ours) + np.array((0.02 * t, 0.0, 0.0)) for t in range(frames)])
    features = hml.encode(positions)
    # The smoothed heading lags at the ends of a short clip; all that follows holds at any heading.
    yaw = np.concatenate(([0.0], np.cumsum(2.0 * features[:-1, 0])))
    # A turn to the left is a positive yaw about the vertical of the person, whose inverse the features hold.
    assert (features[:, 0] < 0.0).all()
    steps = about(2, -yaw[1:]).apply(np.column_stack((features[:-1, 2], features[:-1, 1], 0 * yaw[1:])))
    assert np.allclose(steps, [(0.02, 0.0, 0.0)] * (frames - 2), atol=1e-9)
    assert np.allclose(features[:, 3], rest[0, 1] - rest[:, 1].min())
    wrist = features[:, hml.LOCAL].reshape(-1, 21, 3)[:, JOINT_NAMES.index("left_wrist") - 1]
    assert np.allclose(wrist[0], rest[JOINT_NAMES.index("left_wrist")] - (0.0, rest[:, 1].min(), 0.0), atol=1e-9)
    assert np.allclose(np.linalg.norm(features[:, hml.ROTATIONS].reshape(-1, 21, 2, 3), axis=-1), 1.0)
    assert (features[:, hml.CONTACTS] == 1.0).all()
    assert (hml.encode(positions * 8.0)[5:, hml.CONTACTS] == 0.0).all()


def test_rotations_point_the_bones() -> None:
    """The rotations of a chain, multiplied up, turn each bone's rest direction to where it points."""
    positions = walker(40)
    features = hml.encode(positions)
    joints = hml.placed(positions)[:-1][..., THEIRS]
    columns = features[:, hml.ROTATIONS].reshape(-1, 21, 2, 3)
    matrices = np.stack((columns[:, :, 0], columns[:, :, 1], np.cross(columns[:, :, 0], columns[:, :, 1])), axis=-1)
    yaw = np.concatenate(([0.0], np.cumsum(2.0 * features[:-1, 0])))
    world = about(1, yaw).as_matrix()
    for parent, joint in (("pelvis", "left_hip"), ("left_hip", "left_knee"), ("left_knee", "left_ankle")):
        index = JOINT_NAMES.index(joint)
        world = world @ matrices[:, index - 1]
        bone = joints[:, index] - joints[:, JOINT_NAMES.index(parent)]
        rest = (1.0, 0.0, 0.0) if joint == "left_hip" else (0.0, -1.0, 0.0)
        assert np.allclose(world @ rest, bone / np.linalg.norm(bone, axis=1, keepdims=True), atol=1e-6)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(AthenaError, match=r"shape \(1, 22, 3\)"):
        hml.encode(np.zeros((1, 22, 3)))
