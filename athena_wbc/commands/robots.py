"""``athena robots``: which robots there are, and what the library knows of one."""

from __future__ import annotations

import argparse

from athena_wbc.commands.console import make_console, print_table
from athena_wbc.embodiment import embodiment_names, get_embodiment


def list_robots(arguments: argparse.Namespace) -> None:
    """Print every registered robot with its size."""
    robots = [get_embodiment(name) for name in embodiment_names()]
    print_table(
        ("robot", "joints", "bodies", "mass kg", "description"),
        ((r.name, str(r.num_joints), str(len(r.body_names)), f"{r.mass:.2f}", r.description) for r in robots),
        left=("robot", "description"),
    )


def show_robot(arguments: argparse.Namespace) -> None:
    """Print a robot's roles, and a table of its joints in canonical order."""
    robot = get_embodiment(arguments.robot)
    console = make_console()
    facts = {
        "robot": robot.name,
        "description": robot.description,
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
