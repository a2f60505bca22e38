"""What ``athena mine``, ``route`` and ``report`` accept."""

from __future__ import annotations

from athena_wbc.parsers.base import Commands, add_rollout_options, command


def add_mine(commands: Commands) -> None:
    parser = command(
        commands,
        "mine",
        ("mining", "mine"),
        "Roll out every motion with a teacher and write the residual set: those that it fails too often.",
        "mine --checkpoint runs/general --motions builtin --out runs/residual.json\n"
        "mine --checkpoint runs/general --motions clips --rho 0.9 --rollouts 20 --sample --out residual.json",
        overrides=True,
    )
    parser.add_argument(
        "--checkpoint", required=True, help="the teacher: a checkpoint, a run folder (its newest), or zero"
    )
    parser.add_argument("--out", required=True, help="file to write; then --motions FILE names the residual set")
    parser.add_argument("--rho", type=float, default=0.8, help="residual is what succeeds less often than this (0.8)")
    parser.add_argument("--sample", action="store_true", help="sample actions; by default the policy's mean acts")
    parser.add_argument(
        "--early", type=float, default=1.0, metavar="SECONDS", help="a first failure until then is an early fall (1)"
    )
    add_rollout_options(parser, "10; 1 where nothing is random")


def add_route(commands: Commands) -> None:
    parser = command(
        commands,
        "route",
        ("mining", "route"),
        "Roll out every motion with every teacher and write which one tracks it best.",
        "route --teacher general=runs/general --teacher dynamic=runs/dynamic --teacher balance=runs/balance "
        "--motions builtin --out runs/routing.json\n"
        "route --teacher general=runs/general --teacher dynamic=runs/dynamic --tie critical_scale --out routing.json",
        overrides=True,
    )
    parser.add_argument(
        "--teacher",
        action="append",
        required=True,
        metavar="NAME=CHECKPOINT",
        help="a checkpoint or run folder (its newest); repeated, the general teacher first",
    )
    parser.add_argument("--out", required=True, help="file to write")
    parser.add_argument(
        "--tie",
        choices=("first", "critical_scale"),
        default="first",
        help="who gets a clip among equals: the first teacher, or the one with the smaller mean critical scale (first)",
    )
    parser.add_argument(
        "--without", action="append", default=[], metavar="NAME", help="leave this teacher out; may be repeated"
    )
    add_rollout_options(parser, "10; 1 where nothing is random")


def add_report(commands: Commands) -> None:
    parser = command(
        commands,
        "report",
        ("report", "report"),
        "Write the report of a pipeline, or of a study over seeds, from what lies in its folder.",
        "report runs/demo\nreport runs/study",
    )
    parser.add_argument("folder", help="what athena pipeline wrote to; with seed_<k> folders in it, a study")
