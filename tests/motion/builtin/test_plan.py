"""Scripts laid out in time on the G1: feet, load and heights worked out by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from athena_wbc.motion.builtin.curves import FPS, GRAVITY
from athena_wbc.motion.builtin.generate import Generator
from athena_wbc.motion.builtin.plan import Plan, make_plan
from athena_wbc.motion.builtin.script import Air, Heel, Phase, Place, Script, mirrored


@pytest.fixture
def plan(generator: Generator):
    def make(*phases: Phase, **fields) -> Plan:
        script = Script("test", "balance", "", phases, **fields)
        return make_plan(script, generator.body, generator.arm_pose)

    return make


STEP = (Phase(0.4, weight=0.0), Phase(0.6, left=Place(forward=0.5, lift=0.1)), Phase(0.4, weight=0.5), Phase(0.2))


def test_frames_and_standing(plan):
    standing = plan(Phase(0.3), Phase(0.1))
    assert len(standing.height) == 21
    assert standing.contact.all() and standing.flat.all() and not standing.flight.any()
    assert np.ptp(standing.zmp, axis=0) == pytest.approx([0.0, 0.0])
    assert (standing.height == 0.0).all() and (standing.pelvis_rpy == 0.0).all()


def test_a_step(plan, generator: Generator):
    body, step = generator.body, plan(*STEP)
    assert step.contact[:, 1].all()
    # On the ground up to the first frame of the swing, and again from the first frame after it.
    assert np.flatnonzero(~step.contact[:, 0]).tolist() == list(range(21, 50))
    assert step.foot_pos[50, 0, 0] - step.foot_pos[20, 0, 0] == pytest.approx(0.5 * body.leg_length)
    lift = step.foot_pos[35, 0, 2] - step.foot_pos[20, 0, 2]
    assert lift == pytest.approx(0.1 * body.leg_length)
    assert np.abs(np.diff(step.foot_pos[:, 1], axis=0)).max() == 0.0
    # All of the weight on the right foot during the swing, half of it on each afterwards.
    assert step.zmp[20:51, 1] == pytest.approx(np.full(31, body.foot_pos[1, 1]))
    assert step.zmp[-1, 1] == pytest.approx(0.0, abs=1e-6)
    assert step.zmp[-1, 0] == pytest.approx(body.com[0] + 0.25 * body.leg_length)


def test_the_next_step_is_relative_to_the_other_foot(plan, generator: Generator):
    closed = plan(*STEP[:3], Phase(0.4, weight=1.0), Phase(0.6, right=Place()), Phase(0.4, weight=0.5))
    forward = np.array([0.5 * generator.body.leg_length, 0.0, 0.0])
    assert closed.foot_pos[-1] == pytest.approx(generator.body.foot_pos + forward, abs=1e-6)


def test_turning_goes_about_the_middle_between_the_feet(plan, generator: Generator):
    angle = 0.6
    turned = plan(
        Phase(0.4, weight=0.0),
        Phase(0.4, left=Place(turn=angle)),
        Phase(0.4, weight=1.0),
        Phase(0.4, right=Place()),
        Phase(0.4, weight=0.5),
    )
    assert turned.foot_rpy[-1, :, 2] == pytest.approx([angle, angle])
    assert turned.pelvis_rpy[-1, 2] == pytest.approx(angle)
    assert turned.pelvis_rpy[40, 2] == pytest.approx(0.5 * angle)
    left, right = turned.foot_pos[40, :, :2]
    width = np.ptp(generator.body.foot_pos[:, 1])
    assert left - right == pytest.approx(width * np.array([-np.sin(angle / 2), np.cos(angle / 2)]))


def test_mirrored_scripts_give_mirrored_plans(plan):
    phases = (*STEP[:2], Phase(0.5, weight=0.6, torso=(0.1, 0.2, 0.3), left_arm="reach"), STEP[2])
    one, other = plan(*phases), plan(*mirrored(phases))
    flip = np.array([1.0, -1.0, 1.0])
    assert other.foot_pos == pytest.approx(one.foot_pos[:, ::-1] * flip, abs=1e-9)
    assert other.zmp == pytest.approx(one.zmp * flip[:2], abs=1e-9)
    assert other.torso_rpy == pytest.approx(one.torso_rpy * (-1.0, 1.0, -1.0))
    assert (other.contact == one.contact[:, ::-1]).all()


def test_a_raised_heel_leaves_the_toes_where_they_are(plan, generator: Generator):
    raised = plan(Phase(0.2), Phase(0.6, weight=0.8, right=Heel(0.7)), Phase(0.2), Phase(0.6, right=Heel()))
    sole = generator.body.soles[1]
    assert raised.contact.all() and not raised.flat[30:40, 1].any() and raised.flat[:, 0].all()
    toe = np.array([sole.toe, sole.toe_radius - sole.height])  # centre of the toes' colliders, seen from the foot
    pitch = raised.foot_rpy[:, 1, 1]
    ahead = raised.foot_pos[:, 1, 0] + np.cos(pitch) * toe[0] + np.sin(pitch) * toe[1]
    up = raised.foot_pos[:, 1, 2] - np.sin(pitch) * toe[0] + np.cos(pitch) * toe[1]
    assert pitch.max() == pytest.approx(0.7)
    assert ahead == pytest.approx(np.full(len(ahead), ahead[0])) and up == pytest.approx(np.full(len(up), 0.01))
    assert raised.foot_pos[-1] == pytest.approx(raised.foot_pos[0])
    # A fifth of the weight, on the toes: between the load of the left foot and the toes of the right one.
    load = generator.body.com[0]
    toes = generator.body.foot_pos[1, 0] + sole.toe
    assert raised.zmp[45, 0] == pytest.approx(0.8 * load + 0.2 * toes, abs=1e-6)


def test_a_flight_has_the_height_of_its_duration(plan, generator: Generator):
    jump = plan(
        Phase(0.4, height=-0.2),
        Phase(0.3, height=0.0),
        Phase(0.3, left=Place(), right=Place(), flight=True),
        Phase(0.3, height=-0.1),
        Phase(0.4, height=0.0),
        height_of="com",
    )
    flight = np.flatnonzero(jump.flight)
    assert flight.tolist() == list(range(36, 50))
    assert jump.height[35:51].max() == pytest.approx(GRAVITY * 0.3**2 / 8, abs=1e-3)
    assert jump.height_acc[flight] == pytest.approx(np.full(14, -GRAVITY))
    # No step of velocity at the take-off: the second difference there is not far from its neighbours'.
    assert np.abs(np.diff(jump.height, 2)).max() * FPS**2 < 35.0
    assert (jump.foot_pos[flight, :, 2] > generator.body.foot_pos[:, 2]).all()


def test_a_foot_in_the_air_goes_with_the_body(plan, generator: Generator):
    sink = plan(
        Phase(0.6, weight=1.0),
        Phase(0.4, right=Air(up=0.3)),
        Phase(0.4, height=-0.1),
        Phase(0.4, height=0.0),
        Phase(0.4, right=Place()),
        Phase(0.4, weight=0.5),
    )
    leg = generator.body.leg_length
    ankle = sink.foot_pos[:, 1, 2] - generator.body.foot_pos[1, 2]
    assert ankle[[50, 70, 90, 110]] == pytest.approx([0.3 * leg, 0.2 * leg, 0.3 * leg, 0.0], abs=1e-9)


@pytest.mark.parametrize(
    ("phases", "problem"),
    [
        ((Phase(0.33),), "phase 0: duration 0.33 is no multiple"),
        ((Phase(0.0),), "phase 0: duration"),
        ((Phase(0.4, left=Place()),), "phase 0: the left foot is in the air but carries weight"),
        ((Phase(0.4, weight=0.9), Phase(0.4, right=Air(), weight=0.5)), "phase 1: the right foot is in the air"),
        ((Phase(0.4, left=Place(), right=Place()),), "phase 0: a phase is a flight if and only if"),
        ((Phase(0.4, left=Place(), flight=True),), "phase 0: a phase is a flight if and only if"),
        ((Phase(0.4, weight=1.0), Phase(0.4, right=Air())), "phase 1: a clip ends with both feet on the ground"),
        ((Phase(0.2, left=Place(), right=Place(), flight=True, height=0.1),), "phase 0: a flight ends at the height"),
    ],
)
def test_a_script_that_contradicts_itself_is_refused(plan, phases: tuple[Phase, ...], problem: str):
    with pytest.raises(ValueError, match=f"test: {problem}"):
        plan(*phases, height_of="com")


def test_an_unknown_arm_pose_is_refused(plan):
    with pytest.raises(KeyError, match="salute"):
        plan(dataclasses.replace(Phase(0.4), left_arm="salute"))
