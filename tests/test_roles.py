"""Roles are found in trees that differ in names, order, zero pose, heading, fingers and toes."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.roles import ROLE_NAMES, Roles, find_roles


def _body(name: str, pos: str, axis: str, inner: str, geom: str = "") -> str:
    return (
        f'<body name="{name}" pos="{pos}"><inertial pos="0 0 0" mass="1" diaginertia=".01 .01 .01"/>'
        f'<joint name="{name}_j" axis="{axis}" range="-2 2"/>{geom}{inner}</body>'
    )


def _figure(
    arms_out: bool = False, fingers: bool = False, toes: bool = False, turned: bool = False, floating: bool = True
) -> str:
    """A person of 2 m whose joints lie at round numbers and whose names mean nothing."""
    sides = []
    for number, y in enumerate((-1, 1)):
        sole = '<geom type="box" pos=".06 0 -.04" size=".12 .05 .02"/>'
        toe = _body(f"t{number}", ".16 0 -.04", "0 1 0", "", '<geom type="box" pos=".04 0 0" size=".04 .05 .02"/>')
        ankle = _body(f"l{number}e", "0 0 0", "1 0 0", toe if toes else "", sole)
        ankle = _body(f"l{number}d", "0 0 -.45", "0 1 0", ankle)
        knee = _body(f"l{number}c", "0 0 -.3", "0 1 0", ankle)
        hip = _body(f"l{number}x", "0 0 -.15", "0 0 1", knee)
        hip = _body(f"l{number}b", "0 0 0", "1 0 0", hip)
        sides.append(_body(f"l{number}a", f"0 {0.1 * y} 0", "0 1 0", hip))

        def along(length: float, y: int = y) -> str:
            return f"0 {length * y} 0" if arms_out else f"0 0 {-length}"

        bend, twist = ("0 0 1", "0 1 0") if arms_out else ("0 1 0", "0 0 1")
        tips = "".join(
            _body(f"f{number}{f}", f"{0.02 * f} {0.08 * y if arms_out else 0} {0 if arms_out else -0.08}", bend, "")
            for f in (0, 1)
        )
        palm = f'<geom type="sphere" pos="{along(0.08)}" size=".03"/>'
        wrist = _body(f"a{number}f", along(0.1), bend, tips if fingers else "", palm)
        wrist = _body(f"a{number}e", along(0.15), twist, wrist)
        elbow = _body(f"a{number}d", along(0.1), bend, wrist)
        upper = _body(f"a{number}c", along(0.2), twist, elbow)
        upper = _body(f"a{number}b", "0 0 0", "1 0 0", upper)
        sides.append(_body(f"a{number}a", f"0 {0.2 * y} .4", "0 0 1" if arms_out else "0 1 0", upper))
    head = _body("n1", "0 0 .5", "0 0 1", "", '<geom type="sphere" pos="0 0 .1" size=".1"/>')
    chest = _body("w", "0 0 .1", "0 0 1", sides[1] + sides[3] + head)
    free = "<freejoint/>" if floating else ""
    turn = ' quat="0 0 0 1"' if turned else ""
    return (
        '<mujoco><compiler angle="radian" autolimits="true"/><worldbody>'
        f'<body name="r" pos="0 0 1"{turn}><inertial pos="0 0 0" mass="5" diaginertia=".1 .1 .1"/>{free}'
        f"{chest}{sides[0]}{sides[2]}</body></worldbody></mujoco>"
    )


def _found(**options: bool) -> Roles:
    return find_roles(mujoco.MjModel.from_xml_string(_figure(**options)))


EXPECTED = {
    "pelvis": "r",
    "torso": "w",
    "head": "n1",
    "left_hip": "l1a",
    "left_knee": "l1c",
    "left_ankle": "l1e",
    "left_foot": "l1e",
    "left_shoulder": "a1a",
    "left_elbow": "a1d",
    "left_wrist": "a1f",
    "left_hand": "a1f",
}
EXPECTED |= {name.replace("left", "right"): body.replace("1", "0", 1) for name, body in EXPECTED.items() if "_" in name}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"arms_out": True},
        {"fingers": True},
        {"toes": True},
        {"floating": False},
        {"arms_out": True, "fingers": True, "toes": True, "floating": False},
    ],
    ids=lambda options: "+".join(options) or "plain",
)
def test_every_role_is_found_whatever_the_names(options: dict[str, bool]):
    roles = _found(**options)
    assert {name: role.body for name, role in roles.items()} == EXPECTED
    assert roles.forward == (1.0, 0.0, 0.0) and roles.waist == ("w_j",)
    assert min(role.confidence for role in roles.values()) > 0.7
    # Hip, knee, ankle in their bodies' frames: the axes of the hip meet in its first body.
    assert roles["left_hip"].joints == ("l1a_j", "l1b_j", "l1x_j") and roles["left_knee"].joints == ("l1c_j",)
    for name in ("left_hip", "left_knee", "left_ankle", "left_shoulder", "left_elbow", "left_wrist"):
        np.testing.assert_allclose(roles[name].point, 0.0, atol=2e-3)


def test_a_robot_that_faces_backwards_has_its_left_on_the_other_side():
    roles = _found(turned=True)
    assert roles.forward == (-1.0, 0.0, 0.0)
    # The whole figure is turned: its own left is still its left.
    assert roles["left_knee"].body == "l1c" and roles["right_elbow"].body == "a0d"


def test_the_roles_of_g1_are_those_that_its_robot_file_names():
    robot = get_embodiment("g1")
    roles = find_roles(mujoco.MjModel.from_xml_path(str(robot.model_path)), "g1")
    assert tuple(roles) == tuple(name for name in ROLE_NAMES if name != "head")
    named = [roles["pelvis"].body, roles["torso"].body]
    named += [role.body for part in ("hip", "knee", "foot", "shoulder", "elbow", "hand") for role in roles.pair(part)]
    assert set(named) == set(robot.key_bodies)
    assert {role.body for role in roles.pair("foot")} == set(robot.feet)
    assert all(role.body.startswith(name.split("_")[0]) for name, role in roles.items() if "_" in name)


def test_names_that_contradict_the_tree_lower_the_confidence():
    text = _figure().replace('name="l1x_j"', 'name="left_knee_j"')
    role = find_roles(mujoco.MjModel.from_xml_string(text))["left_knee"]
    assert role.body == "l1c" and role.confidence <= 0.5 and "elsewhere" in role.reason


def test_a_body_that_is_given_is_taken():
    roles = find_roles(mujoco.MjModel.from_xml_string(_figure()), overrides={"left_hand": "a1e", "torso": "r"})
    assert roles["left_hand"].body == "a1e" and roles["left_hand"].reason == "given" and roles["torso"].body == "r"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [({"left_hnad": "a1e"}, "did you mean 'left_hand'"), ({"left_hand": "a9"}, "roles.left_hand: body unknown 'a9'")],
)
def test_unknown_names_are_refused(overrides: dict[str, str], message: str):
    with pytest.raises(AthenaError, match=message):
        find_roles(mujoco.MjModel.from_xml_string(_figure()), "figure", overrides=overrides)


def test_what_is_missing_is_named():
    legs = "<mujoco><worldbody><body name='r'><freejoint/><geom size='.1'/></body></worldbody></mujoco>"
    with pytest.raises(AthenaError, match="legs were not found"):
        find_roles(mujoco.MjModel.from_xml_string(legs))
    spec = mujoco.MjSpec.from_string(_figure())
    for name in ("a0a", "a1a"):
        spec.delete(spec.body(name))
    with pytest.raises(AthenaError, match="arms were not found"):
        find_roles(spec.compile())
    spec = mujoco.MjSpec.from_string(_figure())
    for name in ("l0c", "l1c"):
        spec.joint(f"{name}_j").axis = (0, 0, 1)
    with pytest.raises(AthenaError, match="knee was not found"):
        find_roles(spec.compile())
