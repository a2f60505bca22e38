"""What ``athena pipeline``, ``mine``, ``route`` and ``report`` accept."""

from __future__ import annotations

from athena_wbc.parsers.base import Commands, add_rollout_options, add_simulator_options, command, positive


def add_pipeline(commands: Commands) -> None:
    parser = command(
        commands,
        "pipeline",
        ("pipeline", "pipeline"),
        "Run the whole method: general teacher, mining, experts, routing, student, fine-tuning, evaluation, report.",
        "pipeline --config demo --out runs/demo\n"
        "pipeline --config study --out runs/study --jobs 2\n"
        "pipeline --out runs/demo --resume\n"
        "pipeline --out runs/demo --from route --dry-run\n"
        "pipeline --config my.yaml --out runs/mine motions=[clips/] policies.general.iterations=500",
    )
    parser.set_defaults(overrides=[])
    parser.usage = f"{parser.prog} [options] [key=value ...]"
    parser.add_argument(
        "--config", help="demo, study, smoothness, real, or a YAML file; to go on, what --out was made with"
    )
    parser.add_argument("--out", required=True, help="folder of the pipeline")
    parser.add_argument("--seed", type=int, help="one seed instead of the configuration's")
    parser.add_argument(
        "--num_envs", "--num-envs", type=positive, help="parallel environments instead of the configuration's"
    )
    parser.add_argument("--jobs", type=positive, default=1, help="stages that run side by side (1)")
    parser.add_argument("--resume", action="store_true", help="go on with what is in --out; redo what no longer holds")
    parser.add_argument("--until", metavar="STAGE", help="run this stage and what it needs, no others")
    parser.add_argument(
        "--from", dest="start", metavar="STAGE", help="do this stage and all that need it again, and go on"
    )
    parser.add_argument("--dry-run", "--dry_run", action="store_true", help="only say what would run, and why")
    parser.add_argument("--device", default="cpu", help="torch device of networks and tasks: cpu, cuda:0 (cpu)")
    parser.add_argument(
        "--motions-root", "--motions_root", metavar="FOLDER", help="where relative motions start (where you run)"
    )
    add_simulator_options(parser)


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
        "Write the report of a pipeline, of a study over seeds, or of a run of the loop, from what lies in its folder.",
        "report runs/demo\nreport runs/study\nreport runs/claims",
    )
    parser.add_argument(
        "folder", help="what athena pipeline or synthesize wrote to; with seed_<k> folders in it, a study"
    )
