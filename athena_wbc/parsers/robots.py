"""What ``athena robots`` accepts."""

from __future__ import annotations

from athena_wbc.parsers.base import Commands, command, command_group


def add_robots(commands: Commands) -> None:
    group = command_group(commands, "robots", "List the known robots, and show one.")
    command(group, "list", ("robots", "list_robots"), "List the known robots.", "robots list")
    show = command(
        group,
        "show",
        ("robots", "show_robot"),
        "Show a robot's joints, limits, gains and bodies.",
        "robots show g1\nrobots show my_robot/robot.yaml",
    )
    show.add_argument("robot", help="name of a robot, or the path of its robot.yaml")
