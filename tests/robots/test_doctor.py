"""The doctor: what it says of the shipped robots, and that it finds what was broken on purpose."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import mujoco
import numpy as np
import pytest
from PIL import Image

from athena_wbc import cli
from athena_wbc.embodiment import Embodiment, get_embodiment, load_embodiment, register_embodiment
from athena_wbc.motion.builtin.morphology import morphology
from athena_wbc.robots import picture, posing
from athena_wbc.robots.bodies import check_bodies, check_limits, check_symmetry, mirror_joints
from athena_wbc.robots.doctor import examine
from athena_wbc.robots.findings import FAIL, PASS, WARN, Finding, judge, verdict
from athena_wbc.robots.posing import check_default_pose, check_gravity, check_squat
from athena_wbc.robots.response import check_response, step_responses
from athena_wbc.robots.standing import SECONDS, check_standing, stand
from athena_wbc.robots.statics import support_torques

SCOUT = Path(__file__).parent / "third_party_package" / "acme_robots" / "scout"


@pytest.fixture(scope="module")
def scout() -> Embodiment:
    return load_embodiment(SCOUT)


def broken(folder: Path, model: tuple[str, str] | None = None, robot: tuple[str, str] | None = None) -> Embodiment:
    """The scout with a text of its model or of its robot file replaced."""
    for name, change in (("scout.xml", model), ("robot.yaml", robot)):
        text = (SCOUT / name).read_text()
        if change is not None:
            assert change[0] in text
            text = text.replace(*change)
        (folder / name).write_text(text)
    return load_embodiment(folder)


def named(findings: list[Finding], check: str) -> Finding:
    (found,) = [finding for finding in findings if finding.check == check]
    return found


# Judging


def test_bars() -> None:
    def status(value: float, warn: float, fail: float) -> str:
        return judge("c", value, "", warn, fail, "d", "r").status

    assert [status(value, 1.0, 2.0) for value in (1.0, 1.1, 2.0, 2.1)] == [PASS, WARN, WARN, FAIL]
    assert [status(value, 2.0, 1.0) for value in (2.0, 1.9, 1.0, 0.9)] == [PASS, WARN, WARN, FAIL]
    assert status(1e9, 1.0, math.inf) == WARN
    assert status(math.nan, 1.0, 2.0) == FAIL


def test_a_pass_needs_no_remedy_and_the_worst_status_is_the_verdict() -> None:
    good, bad = judge("c", 0.0, "", 1.0, 2.0, "d", "r"), judge("c", 1.5, "", 1.0, 2.0, "d", "r")
    assert (good.remedy, bad.remedy) == ("", "r")
    assert bad.bar == "at most 1, fails above 2"
    assert verdict([good, bad]) == WARN
    assert verdict([good]) == PASS


# The shipped robots


@pytest.mark.parametrize("name", ["g1", "athena80", "junior35"])
def test_shipped_robots_pass_all_checks(name: str) -> None:
    findings = list(examine(get_embodiment(name)))
    assert [finding for finding in findings if finding.status != PASS] == []
    assert len(findings) == 29


# What was broken on purpose


def test_masses_in_grams(tmp_path: Path) -> None:
    robot = broken(tmp_path, model=('mass="8"', 'mass="8000"'))
    mass = named(check_bodies(robot, morphology(robot)), "mass")
    assert (mass.status, mass.value) == (WARN, pytest.approx(8011.6))
    assert "units" in mass.remedy


def test_a_needle(tmp_path: Path) -> None:
    needle = '<inertial pos="0 0 -0.1" mass="0.5" diaginertia="0.01 0.01 0.000008"/>'
    robot = broken(
        tmp_path, model=('<body name="l_forearm" pos="0 0 -0.2">', f'<body name="l_forearm" pos="0 0 -0.2">{needle}')
    )
    ratio = named(check_bodies(robot, morphology(robot)), "inertia: principal ratio")
    assert ratio.status == FAIL
    assert ratio.value == pytest.approx(1250.0)
    assert "l_forearm" in ratio.detail


def test_mirror_images_on_the_g1() -> None:
    g1 = get_embodiment("g1")
    body = morphology(g1)
    data = mujoco.MjData(body.model)
    data.qpos[:] = body.nominal
    mujoco.mj_forward(body.model, data)
    partner, sign, gap = mirror_joints(data, g1)
    for joint, name in enumerate(g1.joint_names):
        other = name.replace("left", "*").replace("right", "left").replace("*", "right")
        assert g1.joint_names[partner[joint]] == other
        assert sign[joint] == (1 if "pitch" in name or "knee" in name or "elbow" in name else -1), name
    assert gap.max() < 1e-3


@pytest.mark.parametrize(
    ("model", "robot", "check", "word"),
    [
        (
            ('name="l_knee" axis="0 1 0" range="0 2.3"', 'name="l_knee" axis="0 1 0" range="0 1.9"'),
            None,
            "ranges",
            "l_knee",
        ),
        (('<body name="l_shank" pos="0 0 -0.25">', '<body name="l_shank" pos="0 0.03 -0.25">'), None, "joints", "l_"),
        (('fromto="0 0 -0.05 0 0 -0.18" mass="1.1"', 'fromto="0 0 -0.05 0 0 -0.18" mass="1.100"'), None, "", ""),
        (None, ("joints: [l_knee, r_knee]", "joints: [l_knee]"), "gains", "knee"),
    ],
)
def test_one_side_is_not_the_other(
    tmp_path: Path, model: tuple[str, str] | None, robot: tuple[str, str] | None, check: str, word: str
) -> None:
    if robot is not None:
        group = (
            "  - joints: [r_knee]\n    stiffness: 50\n    damping: 2\n    effort_limit: 60\n    velocity_limit: 22\n"
        )
        text = (SCOUT / "robot.yaml").read_text()
        robot = (text, text.replace(*robot) + group)
    found = broken(tmp_path, model, robot)
    findings = check_symmetry(found, morphology(found))
    if not check:
        assert verdict(findings) == PASS
        return
    finding = named(findings, f"symmetry: {check}")
    assert finding.status == WARN
    assert word in finding.detail


def test_limits(tmp_path: Path, scout: Embodiment) -> None:
    assert verdict(check_limits(scout)) == PASS
    degrees = dataclasses.replace(scout, joint_upper=np.degrees(scout.joint_upper))
    assert named(check_limits(degrees), "limits: widest range").status == FAIL
    stiff = dataclasses.replace(scout, stiffness=scout.stiffness * 1000.0)
    assert named(check_limits(stiff), "limits: effort over stiffness").status == FAIL
    slow = dataclasses.replace(scout, velocity_limit=scout.velocity_limit * 0.01)
    assert named(check_limits(slow), "limits: slowest joint").status == FAIL


def test_default_pose_in_the_air_on_a_toe_and_out_of_balance(tmp_path: Path, scout: Embodiment) -> None:
    body = morphology(scout)
    high = dataclasses.replace(scout, default_root_height=scout.default_root_height + 0.1)
    finding = named(check_default_pose(high, body), "default pose: soles on the ground")
    assert (finding.status, finding.value) == (FAIL, pytest.approx(0.1, abs=1e-3))
    assert f"{scout.default_root_height:.3f}"[:5] in finding.remedy
    tilted = broken(tmp_path, robot=("l_ankle_pitch: -0.36", "l_ankle_pitch: -0.0"))
    # On its toes a foot touches with an edge, which has no area.
    assert named(check_default_pose(tilted, morphology(tilted)), "soles: contact area").status == FAIL
    leaning = broken(tmp_path, robot=("_hip_pitch: -0.2", "_hip_pitch: 0.6"))
    assert named(check_default_pose(leaning, morphology(leaning)), "default pose: balance").status == FAIL


def test_self_collision(tmp_path: Path) -> None:
    fat = broken(tmp_path, model=('fromto="0 0 -0.05 0 0 -0.2" mass="1.6"', 'fromto="0 0 0.09 0 0 -0.2" mass="1.6"'))
    finding = named(check_default_pose(fat, morphology(fat)), "self-collision in the default pose")
    assert (finding.status, finding.value) == (FAIL, 2.0)
    assert "hull/l_thigh" in finding.detail


def test_weak_motors_neither_hold_nor_stand(scout: Embodiment) -> None:
    weak = dataclasses.replace(scout, effort_limit=scout.effort_limit * 0.05)
    body = morphology(weak)
    assert named(check_gravity(weak, body), "effort: default pose").status == FAIL
    assert named(check_gravity(weak, body), "effort: limbs held out").status == FAIL
    assert named(check_squat(weak, body), "effort: deep squat").status == FAIL
    findings = check_standing(weak, body)
    assert named(findings, "standing: root height").status == FAIL
    assert "weak" not in findings[0].remedy


def test_a_squat_that_the_knees_do_not_allow(tmp_path: Path) -> None:
    stiff = broken(tmp_path, model=('axis="0 1 0" range="0 2.3"', 'axis="0 1 0" range="0 0.8"'))
    assert named(check_squat(stiff, morphology(stiff)), "squat: error of inverse kinematics").status == FAIL


def test_without_the_solver_the_squat_is_left_out(scout: Embodiment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "athena_wbc.motion.builtin.generate", None)
    (finding,) = posing.check_squat(scout, morphology(scout))
    assert (finding.status, finding.value) == (WARN, None)
    assert ".[retarget]" in finding.remedy


# Standing and statics


def test_standing_by_hand(tmp_path: Path) -> None:
    """A block of 10 kg whose mass lies 0.1 m ahead of an ankle: the ankle carries 10 * 9.81 * 0.1 N m."""
    (tmp_path / "block.xml").write_text(
        '<mujoco><worldbody><body name="block" pos="0 0 1"><freejoint/>'
        '<inertial pos="0.1 0 0.5" mass="10" diaginertia="1 1 1"/><body name="foot">'
        '<inertial pos="0 0 0" mass="1" diaginertia="0.01 0.01 0.01"/>'
        '<joint name="ankle" axis="0 1 0" range="-1 1"/></body></body></worldbody></mujoco>'
    )
    model = mujoco.MjModel.from_xml_path(str(tmp_path / "block.xml"))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    foot, origin = np.array([model.body("foot").id]), np.zeros((1, 3))
    torque = support_torques(model, data, foot, origin)
    # The foot pushes the block back: by the joint, foot against block, it is positive about the y axis.
    assert torque == pytest.approx([9.81], abs=1e-6)
    # Speeding up forwards at 2 m/s^2 takes 10 kg * 2 m/s^2 * 0.5 m off the other way.
    moving = support_torques(model, data, foot, origin, np.array([2.0, 0.0, 0.0]))
    assert moving - torque == pytest.approx([-10.0], abs=1e-6)


def test_the_scout_stands_with_balance_and_falls_without(scout: Embodiment) -> None:
    stood = stand(scout, morphology(scout))
    assert stood.height > 0.99
    assert stood.tilt < 0.02
    assert 0.05 < stood.effort < 0.3
    assert 0.3 < stood.alone < SECONDS


# Bandwidth


ONE_JOINT = """
<mujoco><worldbody><body name="base"><freejoint/><geom size="0.1"/>
<body name="link" pos="0 0 1"><inertial pos="0 0 -0.2" mass="0.5" diaginertia="0.01 0.01 0.01"/>
<geom size="0.05"/><joint name="hinge" axis="0 1 0" range="-1 1"/></body></body></worldbody></mujoco>
"""

ONE_ROBOT = """
{name: one, model: one.xml, anchor: base, key_bodies: [base, link], feet: [link], end_effectors: [link], root_height: 1,
actuators: [{joints: [hinge], stiffness: 40, damping: 1.5, armature: 0.02, effort_limit: 30, velocity_limit: 10}]}
"""


def test_bandwidth_and_overshoot_of_a_second_order_system(tmp_path: Path) -> None:
    """I = 0.01 + 0.5 * 0.2^2 + 0.02 = 0.05 kg m^2: w = sqrt(40 / 0.05) = 28.28 / s, zeta = 1.5 / (2 I w) = 0.530."""
    (tmp_path / "one.xml").write_text(ONE_JOINT)
    (tmp_path / "robot.yaml").write_text(ONE_ROBOT)
    response = step_responses(load_embodiment(tmp_path), np.array([0.0, 0, 1, 1, 0, 0, 0, 0]))
    pulse = math.sqrt(40.0 / 0.05)
    zeta = 1.5 / (2.0 * 0.05 * pulse)
    part = 1.0 - 2.0 * zeta**2
    assert response.bandwidth[0] == pytest.approx(
        pulse * math.sqrt(part + math.hypot(part, 1.0)) / (2 * math.pi), rel=0.03
    )
    assert response.overshoot[0] == pytest.approx(math.exp(-math.pi * zeta / math.sqrt(1.0 - zeta**2)), abs=0.02)
    assert response.settled[0] == pytest.approx(1.0, abs=1e-3)


def test_soft_undamped_and_bare_joints(scout: Embodiment) -> None:
    nominal = morphology(scout).nominal
    soft = dataclasses.replace(scout, stiffness=scout.stiffness * 0.01, damping=scout.damping * 0.1)
    assert named(check_response(soft, nominal), "bandwidth").status == FAIL
    loose = dataclasses.replace(scout, damping=scout.damping * 0.02)
    assert named(check_response(loose, nominal), "overshoot").status != PASS
    bare = dataclasses.replace(scout, armature=np.zeros_like(scout.armature))
    assert named(check_response(bare, nominal), "armature").status == WARN


# The command


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["robots", "check", str(SCOUT), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["robot"], found["verdict"]) == ("scout", "PASS")
    assert {"check", "status", "value", "unit", "bar", "detail", "remedy"} == set(found["findings"][0])
    assert cli.main(["robots", "check", str(SCOUT), "--out", "robot.jpg"]) == 2
    assert "robot.jpg: unknown kind of picture; end the name in .png" in capsys.readouterr().err


def test_a_robot_that_fails_leaves_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken(tmp_path, robot=("root_height: 0.5", "root_height: 0.9"))
    assert cli.main(["robots", "check", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "scout: FAIL" in out
    assert "set root_height to 0.52" in out


def test_without_opengl_the_findings_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUJOCO_GL", "none-such")
    assert cli.main(["robots", "check", str(SCOUT), "--out", str(tmp_path / "scout.png")]) == 0
    out = capsys.readouterr().out
    assert "scout: PASS" in out
    assert "no picture: " in out
    assert not (tmp_path / "scout.png").exists()


def test_picture(scout: Embodiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three views side by side, none of them empty; the robot is as high in it whatever its size."""
    pytest.importorskip("mink", reason="the squat is made with mink: pip install -e '.[retarget]' in the checkout")
    drawn = []

    class Camera:
        def __init__(self, embodiment: Embodiment, width: int, height: int, smoothing: float) -> None:
            self.shape = (height, width, 3)

        def look_from(self, azimuth: float) -> None:
            drawn.append([azimuth])

        def draw(self, pose: np.ndarray) -> np.ndarray:
            drawn[-1].append(pose[2])
            return np.full(self.shape, 40 * len(drawn), dtype=np.uint8)

        def close(self) -> None:
            drawn.append("closed")

    monkeypatch.setattr(picture, "SceneRenderer", Camera)
    picture.draw_robot(scout, tmp_path / "scout.png")
    assert np.asarray(Image.open(tmp_path / "scout.png")).shape == (picture.HEIGHT, 3 * picture.WIDTH, 3)
    (front, standing), (side, again), (_, squatting), closed = drawn
    assert (front, side, closed) == (180.0, 90.0, "closed")
    assert standing == again == scout.default_root_height
    assert squatting < 0.8 * standing


def test_registered_in_python(
    scout: Embodiment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("athena_wbc.embodiment._registered", {})
    register_embodiment(SCOUT)
    assert cli.main(["robots", "list"]) == 0
    assert "registered in this process" in capsys.readouterr().out
