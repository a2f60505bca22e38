"""What every parser of the ``athena`` command is made of, and the options that several commands share."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

from athena_wbc.errors import AthenaError, suggest

DEFAULT_TASK = "Athena-Tracking-G1-v0"

_OVERRIDES = """
Any value of the configuration can be changed with key=value behind the options:
  ppo.gamma=0.98 ppo.actor.hidden_dims=[512,256] task.observations=compact
The keys, with the values of a recipe: athena recipes show general
"""


class Parser(argparse.ArgumentParser):
    """An argument parser that raises :class:`AthenaError`, with the nearest known name where one is
    unknown."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise AthenaError(f"{message}; see {self.prog} --help")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            what = f"{action.option_strings[0]}: " if action.option_strings else ""
            raise AthenaError(f"{self.prog}: {what}{suggest(str(value), map(str, action.choices))}")

    def options(self) -> list[str]:
        """Every option that this parser knows."""
        return [option for action in self._actions for option in action.option_strings]


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
"""Where a parser adds its sub-commands."""


def positive(text: str) -> int:
    """Read a whole number of 1 or more."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, is {text}")
    return value


def lazy(module: str, function: str) -> Callable[[argparse.Namespace], int | None]:
    """Return a command that imports its module only when it runs."""

    def run(arguments: argparse.Namespace) -> int | None:
        import importlib

        return getattr(importlib.import_module(f"athena_wbc.commands.{module}"), function)(arguments)

    return run


def command(
    commands: Commands,
    name: str,
    target: tuple[str, str],
    summary: str,
    examples: str,
    overrides: bool = False,
) -> Parser:
    epilog = "examples:\n" + "".join(f"  athena {line}\n" for line in examples.splitlines())
    parser = commands.add_parser(
        name, help=summary, description=summary, epilog=epilog + (_OVERRIDES if overrides else "")
    )
    parser.set_defaults(run=lazy(*target), parser=parser)
    if overrides:
        parser.set_defaults(overrides=[])
        parser.usage = f"{parser.prog} [options] [key=value ...]"
    return parser


def command_group(commands: Commands, name: str, summary: str) -> Commands:
    parser = commands.add_parser(name, help=summary, description=summary)
    return parser.add_subparsers(dest="action", metavar="action", required=True, parser_class=Parser)


def add_simulator_options(parser: Parser) -> None:
    """Add the choice of the simulator; with Isaac Lab `physics=ENGINE` stands among the overrides."""
    parser.add_argument(
        "--sim", default="auto", metavar="SIMULATOR", help="mujoco, isaaclab, or auto: the one that is installed (auto)"
    )
    parser.add_argument("--headless", action="store_true", help="with --sim isaaclab: open no window")


READING = ("format", "fps", "quaternion", "joint_order", "accept")
"""Options that say how motion files are read, where these leave it open."""


def add_motion_spec(parser: Parser, reading: bool = True) -> None:
    """Add ``--motions``, and with ``reading`` the options of :data:`READING`, which then become a part of it."""
    parser.add_argument(
        "--motions",
        action="append",
        metavar="MOTIONS",
        help="builtin, builtin:NAME,NAME, a file, a folder, a packed corpus, or a list; may be repeated (builtin)",
    )
    add_where(parser)
    if reading:
        add_reading_options(parser)
        add_accept(parser)
        parser.set_defaults(prepare=fold_reading)


def add_where(parser: Parser) -> None:
    """Add the filter of packed corpora."""
    parser.add_argument(
        "--where",
        metavar="SQL",
        help="take the clips of packed corpora that fit: \"label = 'dynamic' and duration < 20\"",
    )


def add_reading_options(parser: Parser) -> None:
    """Add how motion files are read, all but ``--accept``, which not every command has."""
    parser.add_argument("--format", default="auto", help="format of the motion files, where it cannot be told (auto)")
    parser.add_argument("--fps", type=float, help="frames a second, where the motion files do not say")
    parser.add_argument("--quaternion", help="xyzw or wxyz, where it is not the format's usual")
    parser.add_argument("--joint_order", "--joint-order", help="order of unnamed joints, where it is not usual")


def add_accept(parser: Parser) -> None:
    """Add what is read in spite of a finding."""
    parser.add_argument(
        "--accept", action="append", default=[], metavar="KIND", help="read in spite of this finding; see motions check"
    )


def fold_reading(arguments: argparse.Namespace) -> None:
    """Put the options of :data:`READING` into the specifications of ``--motions``.

    So they go wherever a specification goes: into the record of a run, and into the lists that commands write.
    """
    said = {key: value for key in READING if (value := getattr(arguments, key)) not in (None, "auto", [])}
    if not said:
        return
    specs = arguments.motions or []
    files = [spec for spec in specs if spec != "builtin" and not spec.startswith("builtin:")]
    if not files:
        option = next(iter(said))
        raise AthenaError(f"--{option}: says how files are read; name them with --motions, or leave it out")
    arguments.motions = [json.dumps({"path": spec} | said) if spec in files else spec for spec in specs]


def add_human_options(parser: Parser) -> None:
    """Add what files of human motions may leave out; `commands.humans.human_options` takes it."""
    parser.add_argument("--up", metavar="AXIS", help="vertical axis of a human motion: z, y, x, or turned round as -y")
    parser.add_argument("--units", metavar="UNIT", help="unit of a human motion: m, cm, mm, in, cmu, or metres of one")
    parser.add_argument("--height", type=float, metavar="M", help="stature, where a file has angles only (1.7)")
    parser.add_argument("--landmarks", metavar="FILE", help='JSON: joints of the body, as {"left_hip": "LeftUpLeg"}')
    parser.add_argument("--handed", default="right", help="left where a human motion's axes are left-handed (right)")


def add_rollout_options(parser: Parser, rollouts: str) -> None:
    """Add what every command takes that rolls out a corpus; ``rollouts`` says the default of that option."""
    add_motion_spec(parser)
    parser.add_argument("--protocol", default="athena", help="name of a protocol, or a YAML file (athena)")
    parser.add_argument("--rollouts", type=positive, help=f"rollouts of every clip ({rollouts})")
    parser.add_argument("--num_envs", "--num-envs", type=positive, help="parallel environments at most")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random (0)")
    parser.add_argument("--device", default="cpu", help="torch device of the policy (cpu)")
    parser.add_argument("--randomisation", help="randomisation preset instead of the protocol's, or none")
    add_simulator_options(parser)
