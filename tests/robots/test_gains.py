"""The rules for what a model does not say."""

from __future__ import annotations

import math

import pytest

from athena_wbc.embodiment import get_embodiment
from athena_wbc.robots.gains import ARMATURE_PER_EFFORT, EFFORT_SHARE, VELOCITY_MULTIPLE, joint_figures
from athena_wbc.robots.source import ActuatorFigures

NOTHING = ActuatorFigures()


def test_all_by_rule_worked_out_by_hand() -> None:
    """m g l = 40 * 9.81 * 0.8 = 313.92 N m; (2 pi 10)^2 = 3947.84 / s^2."""
    knee = joint_figures("knee", mass=40.0, leg_length=0.8, actuator=NOTHING)
    assert knee.effort_limit == pytest.approx(0.6 * 313.92, rel=1e-3)
    assert knee.velocity_limit == pytest.approx(5.2 * math.sqrt(9.81 / 0.8), rel=1e-3)
    assert knee.armature == pytest.approx(1.5e-4 * 188.352, rel=1e-3)
    assert knee.stiffness == pytest.approx(0.0282528 * 3947.84, rel=1e-3)
    assert knee.damping == pytest.approx(2 * 2 * 0.0282528 * 62.8319, rel=1e-3)
    assert {source for _, source in knee.origin} == {"rule"}


def test_the_models_figures_win_and_the_rest_follows_from_them() -> None:
    actuator = ActuatorFigures(effort=100.0, stiffness=80.0, damping=3.0)
    figures = joint_figures("hip", 40.0, 0.8, actuator, effort=90.0, velocity=11.0, armature=0.02)
    assert figures.values == (80.0, 3.0, 0.02, 90.0, 11.0)
    assert {source for _, source in figures.origin} == {"model"}


def test_damping_by_rule_belongs_to_the_stiffness_that_is_given() -> None:
    """2 * 2 * sqrt(100 * 0.01) = 4."""
    figures = joint_figures("hip", 40.0, 0.8, ActuatorFigures(stiffness=100.0), armature=0.01)
    assert figures.damping == pytest.approx(4.0)
    assert dict(figures.origin)["damping"] == "rule"
    assert dict(figures.origin)["stiffness"] == "model"


@pytest.mark.parametrize(
    ("part", "joint"),
    [
        ("knee", "left_knee_joint"),
        ("ankle", "left_ankle_pitch_joint"),
        ("shoulder", "left_shoulder_roll_joint"),
        ("wrist", "left_wrist_yaw_joint"),
        ("waist", "waist_roll_joint"),
    ],
)
def test_the_rule_comes_near_the_g1_that_it_was_taken_from(part: str, joint: str) -> None:
    g1 = get_embodiment("g1")
    index = g1.joint_names.index(joint)
    figures = joint_figures(part, g1.mass, 0.64, NOTHING)
    assert figures.effort_limit == pytest.approx(g1.effort_limit[index], rel=0.35)
    if part != "wrist":
        assert figures.stiffness == pytest.approx(g1.stiffness[index], rel=0.35)


def test_the_tables_name_the_same_parts() -> None:
    assert EFFORT_SHARE.keys() == VELOCITY_MULTIPLE.keys()
    assert 1.1e-4 < ARMATURE_PER_EFFORT < 1.9e-4
