"""The two robots of this library's own: what their notices say is what their models have; they move and train."""

from __future__ import annotations

import math
from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch

from athena_wbc.config import load_config
from athena_wbc.embodiment import Embodiment, get_embodiment
from athena_wbc.learning.train import run_training
from athena_wbc.motion.builtin import builtin_clips
from athena_wbc.motion.library import MotionLibrary
from athena_wbc.sim.env import TrackingEnv
from tests.learning.tiny import TINY

OWN = ("athena80", "junior35")


@pytest.fixture(scope="module", params=OWN)
def robot(request: pytest.FixtureRequest) -> Embodiment:
    return get_embodiment(request.param)


def test_mass_joints_and_roles() -> None:
    large, small = map(get_embodiment, OWN)
    assert (large.num_joints, small.num_joints) == (23, 20)
    assert large.mass == pytest.approx(80.0, abs=1e-3)
    assert small.mass == pytest.approx(35.0, abs=1e-3)
    assert (len(large.key_bodies), len(small.key_bodies)) == (14, 13)
    assert [joint for joint in large.joint_names if joint.startswith("waist")] != []
    assert [joint for joint in small.joint_names if joint.startswith("waist")] == []


def test_segments_weigh_what_the_notice_says() -> None:
    """de Leva's shares of 80 kg, each over the links that make up the segment."""
    robot = get_embodiment("athena80")
    mass = dict(zip(robot.body_names, robot.body_mass, strict=True))
    segments = {
        14.16: ("left_hip_pitch_link", "left_hip_roll_link", "left_hip_yaw_link"),
        4.33: ("left_knee_link",),
        1.37: ("left_ankle_pitch_link", "left_ankle_roll_link"),
        2.71: ("right_shoulder_pitch_link", "right_shoulder_roll_link", "right_shoulder_yaw_link"),
        1.62: ("right_elbow_link",),
        0.61: ("right_hand",),
        6.94: ("head",),
        11.17: ("pelvis",),
        15.96 + 16.33: ("waist_yaw_link", "waist_roll_link", "torso_link"),
    }
    for percent, links in segments.items():
        assert sum(mass[link] for link in links) == pytest.approx(0.8 * percent, abs=1e-4), links


def test_segments_are_as_long_as_the_notice_says() -> None:
    robot = get_embodiment("athena80")
    model = mujoco.MjModel.from_xml_path(str(robot.model_path))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)

    def distance(first: str, second: str) -> float:
        return float(np.linalg.norm(data.body(first).xpos - data.body(second).xpos))

    assert distance("left_hip_roll_link", "left_knee_link") == pytest.approx(0.245 * 1.75, abs=1e-4)
    assert distance("left_knee_link", "left_ankle_pitch_link") == pytest.approx(0.246 * 1.75, abs=1e-4)
    assert distance("left_shoulder_roll_link", "left_elbow_link") == pytest.approx(0.186 * 1.75, abs=1e-4)
    assert distance("left_elbow_link", "left_hand") == pytest.approx(0.146 * 1.75, abs=1e-4)
    rise = data.body("left_shoulder_roll_link").xpos[2] - data.body("left_hip_roll_link").xpos[2]
    assert rise == pytest.approx(0.288 * 1.75, abs=1e-4)
    assert data.xpos[1, 2] == pytest.approx((0.039 + 0.246 + 0.245) * 1.75, abs=1e-4)


def test_gains_give_10_hz_with_damping_ratio_2_on_the_armature(robot: Embodiment) -> None:
    pulse = 2.0 * math.pi * 10.0
    np.testing.assert_allclose(robot.stiffness, robot.armature * pulse**2, rtol=1e-4)
    np.testing.assert_allclose(robot.damping, 4.0 * robot.armature * pulse, rtol=1e-4)
    assert (robot.armature / robot.effort_limit > 1.2e-4).all()
    assert (robot.armature / robot.effort_limit < 1.8e-4).all()


def test_four_sole_spheres_a_foot_and_no_meshes(robot: Embodiment) -> None:
    model = mujoco.MjModel.from_xml_path(str(robot.model_path))
    assert model.nmesh == model.ntex == 0
    for foot in robot.feet:
        geoms = np.flatnonzero((model.geom_bodyid == model.body(foot).id) & (model.geom_contype > 0))
        assert (model.geom_type[geoms] == mujoco.mjtGeom.mjGEOM_SPHERE).all()
        assert len(geoms) == 4


def test_the_notice_names_sources(robot: Embodiment) -> None:
    notice = (robot.model_path.parent / "NOTICE").read_text()
    assert "de Leva" in notice
    assert "no file of another model was used" in notice


def test_it_does_the_deep_squat_and_the_high_kick(robot: Embodiment) -> None:
    squat, kick = builtin_clips(robot, ["squat", "high_kick"])
    assert squat.robot == robot.name
    assert np.ptp(squat.root_pos[:, 2]) > 0.3 * robot.default_root_height
    for clip in (squat, kick):
        assert (clip.joint_pos >= robot.joint_lower).all()
        assert (clip.joint_pos <= robot.joint_upper).all()


@pytest.mark.parametrize("name", ["wave", "squat"])
def test_a_policy_that_does_nothing_stays_up_for_a_while(robot: Embodiment, name: str) -> None:
    """With gains this soft none can stand for good: the G1 stays up for 1.2 s, these between 0.7 and 1.5."""
    library = MotionLibrary(builtin_clips(robot, [name]), robot)
    quiet = ["task.observations=compact", "task.randomisation=none", "task.reset.scale=0", "sim.threads=1"]
    env = TrackingEnv(load_config("general", [*quiet, f"robot={robot.name}"]), library, 1, seed=0)
    env.auto_reset = False
    zero = torch.zeros(1, dtype=torch.long)
    env.reset_to(zero, zero, zero)
    for _ in range(30):
        env.step(torch.zeros(1, robot.num_joints))
    height = float(env.task.robot.root_pos_w[0, 2])
    assert height > 0.85 * float(env.task.reference.root_pos_w[0, 2])
    assert float(env.task.robot.foot_force.sum()) > 0.5 * 9.81 * robot.mass
    env.close()


def test_training_runs_on_it(robot: Embodiment, tmp_path: Path) -> None:
    result = run_training(
        tmp_path / "run",
        2,
        recipe="general",
        motions=["builtin:wave"],
        num_envs=4,
        robot=robot.name,
        overrides=list(TINY),
    )
    assert result.iteration == 2
    assert (tmp_path / "run" / "checkpoints" / "model_2.pt").is_file()
