"""Scripts as data."""

from __future__ import annotations

import pytest

from athena_wbc.motion.builtin import BUILTIN
from athena_wbc.motion.builtin.script import Air, Heel, Phase, Place, Script, mirrored


def test_mirroring_exchanges_the_sides():
    phase = Phase(
        0.4,
        left=Place(forward=0.3, left=0.1, turn=0.2, lift=0.05),
        right=Heel(0.4),
        weight=0.25,
        press=0.03,
        height=-0.1,
        pelvis=(0.1, 0.2, 0.3),
        torso=(-0.1, 0.0, 0.4),
        left_arm="reach",
    )
    (flipped,) = mirrored((phase,))
    assert flipped == Phase(
        0.4,
        left=Heel(0.4),
        right=Place(forward=0.3, left=-0.1, turn=-0.2, lift=0.05),
        weight=0.75,
        press=0.03,
        height=-0.1,
        pelvis=(-0.1, 0.2, -0.3),
        torso=(0.1, 0.0, -0.4),
        right_arm="reach",
    )
    assert mirrored((Phase(0.2, left=Air(left=0.1, roll=0.2, pitch=0.3)),))[0].right == Air(
        left=-0.1, roll=-0.2, pitch=0.3
    )


@pytest.mark.parametrize("name", BUILTIN)
def test_mirroring_twice_changes_nothing(name: str):
    phases = BUILTIN[name].phases
    twice = mirrored(mirrored(phases))
    assert [(p.left, p.right, p.pelvis, p.torso, p.left_arm) for p in twice] == [
        (p.left, p.right, p.pelvis, p.torso, p.left_arm) for p in phases
    ]
    assert [p.weight for p in twice] == pytest.approx([p.weight for p in phases])


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"label": "static"}, "label 'static'"),
        ({"height_of": "head"}, "height_of 'head'"),
        ({"phases": (Phase(0.2, left=Place(), right=Place(), flight=True),)}, "needs height_of='com'"),
    ],
)
def test_a_script_that_makes_no_sense_is_refused(changes: dict, problem: str):
    fields = {"name": "x", "label": "dynamic", "text": "", "phases": (Phase(0.2),)}
    with pytest.raises(ValueError, match=problem):
        Script(**{**fields, **changes})


def test_duration_is_that_of_the_phases():
    assert Script("x", "balance", "", (Phase(0.4), Phase(0.26))).duration == pytest.approx(0.66)
