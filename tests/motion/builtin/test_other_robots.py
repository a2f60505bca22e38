"""Robots that are not the G1: other names, longer legs, a waist of one joint, no arms."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import mujoco
import numpy as np
import pytest
import yaml

from athena_wbc.embodiment import Embodiment, load_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.builtin import BUILTIN, builtin_clips
from athena_wbc.motion.builtin.generate import Generator
from athena_wbc.motion.builtin.plan import make_plan
from athena_wbc.motion.check import check_clip
from tests.motion.builtin.motion import Motion

VARIANTS = {
    "long": {"shin": 1.3},
    "short": {"shin": 0.8},
    "armless": {"arms": False},
    "stiff": {"waist": False},
}


def variant(g1: Embodiment, folder: Path, shin: float = 1.0, arms: bool = True, waist: bool = True) -> Embodiment:
    """The G1 with other legs, perhaps without arms or without waist roll and pitch; its sides go by other names."""
    spec = mujoco.MjSpec.from_file(str(g1.model_path))
    for side in ("left", "right"):
        for part in ("knee", "ankle_pitch"):
            body = spec.body(f"{side}_{part}_link")
            body.pos = np.asarray(body.pos) * (shin, 1.0, shin)
        if not arms:
            spec.delete(spec.body(f"{side}_shoulder_pitch_link"))
    for exclude in [e for e in spec.excludes if not arms and "elbow" in e.bodyname1]:
        spec.delete(exclude)
    for joint in () if waist else ("waist_roll_joint", "waist_pitch_joint"):
        spec.delete(spec.joint(joint))
    model = spec.compile()
    joints = [model.joint(i).name for i in range(1, model.njnt)]
    bodies = [model.body(i).name for i in range(1, model.nbody)]
    robot = yaml.safe_load((g1.model_path.parent / "robot.yaml").read_text())
    for group in robot["actuators"]:
        group["joints"] = [p for p in group["joints"] if any(re.fullmatch(p, joint) for joint in joints)]
    robot["actuators"] = [group for group in robot["actuators"] if group["joints"]]
    robot["default_joint_pos"] = {
        pattern: value
        for pattern, value in robot["default_joint_pos"].items()
        if any(re.fullmatch(pattern, joint) for joint in joints)
    }
    for key in ("key_bodies", "end_effectors", "contact_allowed"):
        robot[key] = [body for body in robot[key] if body in bodies]
    robot |= {"name": folder.name, "model": "model.xml", "root_height": g1.default_root_height + 0.62 * (shin - 1.0)}
    folder.mkdir()
    (folder / "model.xml").write_text(_renamed(spec.to_xml()))
    (folder / "robot.yaml").write_text(_renamed(yaml.safe_dump(robot)))
    return load_embodiment(folder)


def _renamed(text: str) -> str:
    return text.replace("left_", "port_").replace("right_", "starboard_")


@pytest.fixture(scope="module")
def robots(g1: Embodiment, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Embodiment]:
    base = tmp_path_factory.mktemp("robots")
    return {name: variant(g1, base / name, **changes) for name, changes in VARIANTS.items()}


# Without arms to swing, the feet of a walk ask for more friction about the vertical than there is.
@pytest.mark.parametrize(
    ("name", "clip"),
    [(name, clip) for name in VARIANTS for clip in ("squat", "walk", "march") if (name, clip) != ("armless", "walk")],
)
def test_a_clip_keeps_its_requirements_on_another_robot(robots: dict[str, Embodiment], name: str, clip: str):
    robot, generator = robots[name], Generator(robots[name])
    plan = make_plan(BUILTIN[clip], generator.body, generator.arm_pose)
    motion = Motion(robot, generator.clip(BUILTIN[clip]), plan)
    assert np.abs(motion.sole[..., 2][plan.flat]).max() < 0.003 and motion.sole[..., 2].min() > -0.001
    stands = plan.flat[1:] & plan.flat[:-1]
    assert np.linalg.norm(np.diff(motion.foot_pos, axis=0), axis=2)[stands].max() < 0.001
    margin = np.minimum(motion.clip.joint_pos - robot.joint_lower, robot.joint_upper - motion.clip.joint_pos)
    assert margin.min() > 0.019
    need = motion.inverse_dynamics(stride=2)
    assert need["force"].max() < 0.01 and need["moment"].max() < 1.0 and need["torque"].max() < 1.0
    assert check_clip(motion.clip, robot) == []


def test_a_stride_goes_with_the_leg(robots: dict[str, Embodiment]):
    ends, legs = zip(
        *(
            (generator.clip(BUILTIN["walk"]).root_pos[-1, 0], generator.body.leg_length)
            for generator in (Generator(robots["long"]), Generator(robots["short"]))
        ),
        strict=True,
    )
    assert legs[0] / legs[1] > 1.4
    assert ends[0] / ends[1] == pytest.approx(legs[0] / legs[1], rel=1e-3)


def test_what_a_robot_cannot_do_is_left_out_and_not_tried_again(
    robots: dict[str, Embodiment], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in set(BUILTIN) - {"wave", "one_leg_stand"}:
        monkeypatch.delitem(BUILTIN, name)
    short = robots["short"]
    assert [clip.name for clip in builtin_clips(short)] == ["wave"]
    monkeypatch.setattr(Generator, "clip", lambda *_: pytest.fail("generated again"))
    assert [clip.name for clip in builtin_clips(short)] == ["wave"]
    with pytest.raises(AthenaError, match=r"built-in clip 'one_leg_stand': robot 'short' misses its targets by \d+ mm"):
        builtin_clips(short, ["one_leg_stand"])
    monkeypatch.delitem(BUILTIN, "wave")
    with pytest.raises(AthenaError, match="robot 'short' can do none of them"):
        builtin_clips(short)


def test_a_robot_that_is_too_slow_for_a_clip_is_told_which_joint(g1: Embodiment):
    slow = Generator(g1)
    slow.embodiment = dataclasses.replace(g1, velocity_limit=np.full(g1.num_joints, 3.0))
    with pytest.raises(AthenaError, match=r"'wave': robot 'g1' has 'right_\w+_joint' 1\.\d times too fast"):
        slow.clip(BUILTIN["wave"])
