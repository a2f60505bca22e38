"""The controller against the simulation that the policy was trained in, and what it refuses."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from athena_wbc.config import config_from_dict
from athena_wbc.deployment import Controller, SensorReading
from athena_wbc.deployment.export import Exported
from athena_wbc.errors import AthenaError
from athena_wbc.learning.checkpoint import build_policy, load_checkpoint
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.library import MotionLibrary
from athena_wbc.rotations import quat_apply_inverse
from athena_wbc.sim.env import TrackingEnv
from athena_wbc.task.state import RobotState
from tests.learning.tiny import sway
from tests.tracking import g1, moving_clip

CLIP = moving_clip(seconds=2.4, swing=0.1)
"""121 control steps in which everything of the reference moves."""


def reading_of(robot: RobotState) -> SensorReading:
    """What sensors would measure of a simulated robot."""
    turned = quat_apply_inverse(robot.root_quat_w, robot.root_ang_vel_w)
    values = (robot.joint_pos, robot.joint_vel, robot.root_quat_w, turned)
    return SensorReading(g1().joint_names, *(value[0].numpy().copy() for value in values))


def example_reading(exported: Exported, k: int) -> SensorReading:
    example = np.load(exported.folder / "example.npz")
    keys = ("joint_pos", "joint_vel", "orientation", "angular_velocity")
    return SensorReading(tuple(example["joint_names"].tolist()), *(example[key][k] for key in keys))


@pytest.mark.parametrize("network", ["onnx", "torchscript"])
@pytest.mark.parametrize("start", [0, 40])
def test_its_targets_are_the_environments_for_a_hundred_steps(
    network: str, start: int, exported: Exported, runs: Path
) -> None:
    """Tolerance 1e-5 rad and, on observations, 1e-5: float32 on both sides, and one network in another runtime."""
    contents = load_checkpoint(runs / "student")
    config = config_from_dict(contents["config"], "student", given={"task.randomisation": "none"})
    config.task.observations.student.noise = False
    env = TrackingEnv(config, MotionLibrary([CLIP], g1()), 1, groups=("student",))
    try:
        policy = build_policy(contents, env, "student")
        env.auto_reset = False
        first = torch.zeros(1, dtype=torch.long)
        observations = env.reset_to(first, first, first + start)
        controller = Controller(exported.folder, CLIP, network=network)
        controller.reset(reading_of(env.task.robot), step=start)
        moved = 0.0
        for k in range(100):
            assert controller.step_number == start + k
            # Beyond the clip's end (121 steps) both hold its last frame.
            assert controller.finished == (start + k >= 121)
            targets = controller.step(reading_of(env.task.robot))
            np.testing.assert_allclose(controller.observation, observations["student"][0].numpy(), atol=1e-5)
            observations = env.step(policy(observations))[0]
            np.testing.assert_allclose(targets, env.task.action.target[0].numpy(), atol=1e-5)
            moved = max(moved, float(np.abs(targets - g1().default_joint_pos).max()))
        assert moved > 0.1
    finally:
        env.close()


def test_joints_are_matched_by_name_in_both_directions(exported: Exported) -> None:
    clip = sway("elbow", "left_elbow_joint", 0.4, seconds=2.4)
    straight, shuffled = (Controller(exported.folder, clip) for _ in range(2))
    order = np.random.default_rng(0).permutation(29)
    for k in range(3):
        reading = example_reading(exported, k)
        other = dataclasses.replace(
            reading,
            joint_names=[reading.joint_names[i] for i in order],
            joint_pos=reading.joint_pos[order],
            joint_vel=reading.joint_vel[order],
        )
        np.testing.assert_array_equal(straight.step(reading)[order], shuffled.step(other))


def test_a_reset_with_a_reading_counts_headings_from_there(exported: Exported) -> None:
    """A robot whose attitude sensor was started facing elsewhere acts the same."""
    plain, turned = (Controller(exported.folder, CLIP) for _ in range(2))
    turn = Rotation.from_euler("z", 2.0)
    readings = [example_reading(exported, k) for k in range(4)]
    elsewhere = [
        dataclasses.replace(reading, orientation=(turn * Rotation.from_quat(reading.orientation)).as_quat())
        for reading in readings
    ]
    plain.reset(readings[0])
    turned.reset(elsewhere[0])
    for reading, other in zip(readings, elsewhere, strict=True):
        np.testing.assert_allclose(plain.step(reading), turned.step(other), atol=1e-5)
    # Without it the heading is taken as it is measured.
    turned.reset()
    first = turned.step(elsewhere[0])
    plain.reset(readings[0])
    assert np.abs(plain.step(readings[0]) - first).max() > 1e-4


def test_a_reset_forgets(exported: Exported) -> None:
    controller = Controller(exported.folder, CLIP)
    first = controller.step(example_reading(exported, 0))
    controller.step(example_reading(exported, 50))
    assert controller.step_number == 2
    controller.reset()
    assert controller.step_number == 0
    np.testing.assert_array_equal(controller.step(example_reading(exported, 0)), first)
    with pytest.raises(AthenaError, match="step: is 121; 'move' has the control steps 0 to 120"):
        controller.reset(step=121)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"joint_names": g1().joint_names[:-1]}, "joint_names: lacks right_wrist_yaw_joint; the contract has left_hip"),
        ({"joint_names": (*g1().joint_names, "thumb")}, "joint_names: adds thumb; "),
        ({"joint_names": (*g1().joint_names, "waist_yaw_joint")}, "joint_names: name a joint twice; "),
        ({"joint_pos": np.zeros(28)}, r"joint_pos: has the shape \(28,\), give \(29,\)"),
        ({"joint_vel": np.full(29, np.nan)}, "joint_vel: holds a number that is not finite"),
        ({"angular_velocity": np.array([0.0, np.inf, 0.0])}, "angular_velocity: holds a number that is not finite"),
        ({"orientation": np.zeros(4)}, "orientation: is .*; give a unit quaternion x, y, z, w"),
        ({"orientation": np.array([np.nan, 0.0, 0.0, 1.0])}, "orientation: is .*; give a unit quaternion"),
    ],
)
def test_a_reading_that_cannot_be_one(change: dict, expected: str, exported: Exported) -> None:
    controller = Controller(exported.folder, CLIP)
    with pytest.raises(AthenaError, match=expected):
        controller.step(dataclasses.replace(example_reading(exported, 0), **change))


def changed(exported: Exported, tmp_path: Path, change) -> Path:
    """A copy of the export with another contract."""
    folder = Path(shutil.copytree(exported.folder, tmp_path / "deploy"))
    contract = json.loads((folder / "policy.json").read_text())
    change(contract)
    (folder / "policy.json").write_text(json.dumps(contract))
    return folder


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda c: c["robot"].update(hash="0" * 16),
            r"robot: was exported for 'g1' \(hash 0000000000000000\), this is",
        ),
        (lambda c: c["joints"]["names"].reverse(), r"joints.names: differs from the robot 'g1'; export again"),
        (lambda c: c["joints"]["stiffness"].__setitem__(3, 1.0), r"joints.stiffness: differs from the robot 'g1'"),
        (lambda c: c["action"].update(scale_share=0.3), "action.scale: is not scale_share"),
        (
            lambda c: c["observations"]["terms"][-1].update(history=2),
            "last_action has 29 numbers, this athena gives 58",
        ),
        (lambda c: c["files"].update({"policy.onnx": "0" * 64}), "policy.onnx: is not the file that the contract"),
        (lambda c: c.update(deployable=False), r"reads what no robot measures"),
    ],
)
def test_a_contract_that_does_not_fit_is_refused(change, expected: str, exported: Exported, tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match=expected):
        Controller(changed(exported, tmp_path, change), CLIP)


def test_another_robot_and_a_missing_network_are_refused(exported: Exported, tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match=r"was exported for 'g1' \(hash .*\), this is 'junior35'"):
        Controller(exported.folder, CLIP, robot="junior35")
    folder = Path(shutil.copytree(exported.folder, tmp_path / "deploy"))
    (folder / "policy.pt").unlink()
    with pytest.raises(AthenaError, match=r"policy\.pt: is missing; export the policy again"):
        Controller(folder, CLIP, network="torchscript")
    with pytest.raises(AthenaError, match="network: unknown 'tensorrt'"):
        Controller(folder, CLIP, network="tensorrt")


def test_without_onnxruntime_the_torchscript_file_is_taken(exported: Exported, monkeypatch) -> None:
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else find(name))
    plain = Controller(exported.folder, CLIP).step(example_reading(exported, 0))
    with pytest.raises(AthenaError, match=r"onnx needs the package 'onnxruntime': pip install -e"):
        Controller(exported.folder, CLIP, network="onnx")
    monkeypatch.undo()
    np.testing.assert_allclose(Controller(exported.folder, CLIP).step(example_reading(exported, 0)), plain, atol=1e-5)


def test_a_clip_of_a_file_is_read_as_motions_are(exported: Exported, motions: Path) -> None:
    held = Controller(exported.folder, motions)
    given = Controller(exported.folder, MotionClip.load(motions))
    reading = example_reading(exported, 0)
    np.testing.assert_array_equal(held.step(reading), given.step(reading))
