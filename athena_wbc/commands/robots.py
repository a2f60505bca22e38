"""``athena robots``: which robots there are, what the library knows of one, and how to add one's own."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import TYPE_CHECKING

from athena_wbc.commands.console import make_console, print_table
from athena_wbc.embodiment import embodiment_names, get_embodiment, robot_origin
from athena_wbc.errors import AthenaError

if TYPE_CHECKING:
    from rich.console import Console

    from athena_wbc.embodiment import Embodiment


def list_robots(arguments: argparse.Namespace) -> None:
    """Print every registered robot with its size and origin."""
    rows = []
    for name in embodiment_names():
        try:
            robot = get_embodiment(name)
        except AthenaError as error:  # one that is broken must not hide the others
            rows.append((name, "-", "-", "-", robot_origin(name), f"unreadable: {error}"))
            continue
        counts = (str(robot.num_joints), str(len(robot.body_names)), f"{robot.mass:.2f}")
        rows.append((name, *counts, robot_origin(name), robot.description))
    headings = ("robot", "joints", "bodies", "mass kg", "origin", "description")
    print_table(headings, rows, left=("robot", "origin", "description"))


def show_robot(arguments: argparse.Namespace) -> None:
    """Print a robot's roles, and a table of its joints in canonical order."""
    robot = get_embodiment(arguments.robot)
    console = make_console()
    facts = {
        "robot": robot.name,
        "description": robot.description,
        "origin": robot_origin(arguments.robot) if arguments.robot in embodiment_names() else "file",
        "model": str(robot.model_path),
        "hash": robot.hash,
        "mass": f"{robot.mass:.3f} kg",
        "root height": f"{robot.default_root_height:.3f} m",
        "anchor": robot.anchor,
        "feet": ", ".join(robot.feet),
        "end effectors": ", ".join(robot.end_effectors),
        "key bodies": ", ".join(robot.key_bodies),
    }
    for name, value in facts.items():
        console.print(f"{name:14} {value}", soft_wrap=True, markup=False)
    console.print()
    columns = {
        "lower rad": robot.joint_lower,
        "upper rad": robot.joint_upper,
        "rad/s": robot.velocity_limit,
        "N m": robot.effort_limit,
        "kp": robot.stiffness,
        "kd": robot.damping,
        "default rad": robot.default_joint_pos,
        "action rad": robot.action_scale,
    }
    rows = [
        (joint, *(f"{column[index]:.3f}" for column in columns.values()))
        for index, joint in enumerate(robot.joint_names)
    ]
    print_table(("joint", *columns), rows, left=("joint",), console=console)


def add_robot(arguments: argparse.Namespace) -> int:
    """Make a robot file from a model, print what was found and why, and examine it."""
    from athena_wbc.robots.add import add
    from athena_wbc.robots.build import FIGURES, role_rows

    roles = _roles(arguments.role)
    built, path = add(arguments.model, arguments.name, arguments.out, arguments.ignore_meshes, roles, arguments.replace)
    console = make_console()
    print_table(
        ("role", "body", "joints", "confidence", "found by"),
        role_rows(built),
        left=("role", "body", "joints", "found by"),
        console=console,
    )
    console.print()
    rows = []
    for (joint, figures), angle in zip(built.joints.items(), built.stance.qpos[7:], strict=True):
        origin = dict(figures.origin)
        ruled = [key for key in FIGURES if origin[key] == "rule"]
        by = "all" if len(ruled) == len(FIGURES) else ", ".join(ruled) or "-"
        rows.append((joint, built.parts[joint], *(f"{value:.4g}" for value in figures.values), f"{angle:.3f}", by))
    headings = ("joint", "part", "kp", "kd", "armature", "N m", "rad/s", "default rad", "by rule")
    print_table(headings, rows, left=("joint", "part", "by rule"), console=console)
    console.print()
    for note in built.notes:
        console.print(f"note: {note}", soft_wrap=True, markup=False)
    console.print(f"{path}: {built.description}", soft_wrap=True, markup=False)
    return _examine(get_embodiment(path), console)


def check_robot(arguments: argparse.Namespace) -> int:
    """Examine a robot; exit code 1 where a check fails."""
    robot = get_embodiment(arguments.robot)
    if arguments.out is not None:
        from athena_wbc.sim.render import check_picture

        check_picture(arguments.out)
    if not arguments.json:
        console = make_console()
        code = _examine(robot, console)
        if arguments.out is not None:
            console.print(_picture(arguments), soft_wrap=True, markup=False)
        return code
    from athena_wbc.robots.doctor import examine
    from athena_wbc.robots.findings import FAIL, verdict

    findings = list(examine(robot))
    found = {"robot": robot.name, "hash": robot.hash, "verdict": verdict(findings)}
    found["findings"] = [dataclasses.asdict(finding) for finding in findings]
    if arguments.out is not None:
        found["picture"] = _picture(arguments)
    print(json.dumps(found, indent=2, allow_nan=False))
    return 1 if verdict(findings) == FAIL else 0


def _examine(robot: Embodiment, console: Console) -> int:
    from athena_wbc.robots.doctor import examine
    from athena_wbc.robots.findings import FAIL, verdict

    findings = list(examine(robot))
    rows = []
    for finding in findings:
        value = "-" if finding.value is None else f"{finding.value:.4g}"
        detail = finding.detail + (f"; {finding.remedy}" if finding.remedy else "")
        rows.append((finding.status, finding.check, f"{value} {finding.unit}", finding.bar, detail))
    print_table(("", "check", "value", "bar", "what"), rows, left=("", "check", "bar", "what"), console=console)
    counts = ", ".join(f"{sum(f.status == status for f in findings)} {status}" for status in ("PASS", "WARN", "FAIL"))
    console.print(f"{robot.name}: {verdict(findings)} ({counts})", soft_wrap=True, markup=False)
    return 1 if verdict(findings) == FAIL else 0


def _picture(arguments: argparse.Namespace) -> str:
    """Draw the robot; where there is no OpenGL, the reason in words: the findings do not depend on it."""
    from athena_wbc.robots.picture import draw_apart

    return draw_apart(arguments.robot, arguments.out)


def _roles(given: list[str]) -> dict[str, str]:
    roles = {}
    for text in given:
        role, separator, body = text.partition("=")
        if not separator or not role or not body:
            raise AthenaError(f"--role: '{text}' is not ROLE=BODY, such as left_knee=l_shank")
        roles[role] = body
    return roles
