"""What ``athena robots`` accepts."""

from __future__ import annotations

from athena_wbc.parsers.base import Commands, command, command_group


def add_robots(commands: Commands) -> None:
    group = command_group(commands, "robots", "List the known robots, show and check one, add one's own.")
    command(group, "list", ("robots", "list_robots"), "List the known robots.", "robots list")
    show = command(
        group,
        "show",
        ("robots", "show_robot"),
        "Show a robot's joints, limits, gains and bodies.",
        "robots show g1\nrobots show my_robot/robot.yaml",
    )
    show.add_argument("robot", help="name of a robot, or the path of its robot.yaml")
    add = command(
        group,
        "add",
        ("robots", "add_robot"),
        "Make a robot file from an MJCF or a URDF alone, and check it.",
        "robots add my_robot.urdf --name my_robot\n"
        "robots add robot.xml --name scout --out robots/scout --role left_knee=l_shank",
    )
    add.add_argument("model", help="an MJCF (.xml) or a URDF (.urdf)")
    add.add_argument("--name", required=True, help="name of the robot: small letters, digits and _")
    add.add_argument("--out", help="folder to make (your configuration folder); the robot is found by name anyway")
    add.add_argument(
        "--ignore-meshes", "--ignore_meshes", action="store_true", help="do without meshes: boxes from the inertias"
    )
    add.add_argument(
        "--role", action="append", default=[], metavar="ROLE=BODY", help="what the tree does not tell; may be repeated"
    )
    add.add_argument("--replace", action="store_true", help="put it in the place of a robot that was added before")
    check = command(
        group,
        "check",
        ("robots", "check_robot"),
        "Examine a robot: masses, symmetry, limits, default pose, standing, a squat, bandwidth, efforts.",
        "robots check g1\nrobots check my_robot/robot.yaml --out check.png\nrobots check my_robot --json",
    )
    check.add_argument("robot", help="name of a robot, or the path of its robot.yaml")
    check.add_argument("--out", metavar="PNG", help="picture of the robot: default pose, squat, and from the front")
    check.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
