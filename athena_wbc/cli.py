"""The ``athena`` command: what it accepts, and the one place where a user's mistake becomes one line.

Only the command that runs imports what it needs, so that ``athena --version`` and the lists answer at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from athena_wbc import __version__
from athena_wbc.errors import AthenaError, suggest
from athena_wbc.threads import prepare_threads

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


def positive(text: str) -> int:
    """Read a whole number of 1 or more."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, is {text}")
    return value


def build_parser() -> Parser:
    """Return the parser of the whole command line."""
    parser = Parser(
        prog="athena",
        description="Train one controller that tracks a whole motion corpus on a humanoid, and see how well.",
        epilog="examples:\n"
        "  athena demo                         train and evaluate on the built-in motions\n"
        "  athena motions info builtin         what the built-in motions are\n"
        "  athena train --recipe general --motions builtin --out runs/first\n"
        "  athena evaluate --checkpoint runs/first --motions builtin --out runs/first/evaluation\n"
        "  athena play --checkpoint runs/first --motions builtin:walk --out walk.mp4\n",
    )
    parser.add_argument("--version", action="version", version=f"athena {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True, parser_class=Parser)
    _add_train(commands)
    _add_distill(commands)
    _add_evaluate(commands)
    _add_mine(commands)
    _add_route(commands)
    _add_play(commands)
    _add_demo(commands)
    _add_bench(commands)
    _add_motions(commands)
    _add_robots(commands)
    _add_recipes(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 2 for a user's mistake, 130 when interrupted."""
    try:
        arguments = _parse(list(sys.argv[1:] if argv is None else argv) or ["--help"])
        prepare_threads()
        return arguments.run(arguments) or 0
    except AthenaError as error:
        print(f"athena: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("athena: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `athena motions info x | head`: the reader has seen enough
        sys.stderr.close()
        return 0


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = build_parser()
    arguments, rest = parser.parse_known_args(argv)
    command: Parser = arguments.parser
    takes_overrides = hasattr(arguments, "overrides")
    for extra in rest:
        if extra.startswith("-"):
            option = suggest(extra.partition("=")[0], command.options())
            raise AthenaError(f"{command.prog}: option: {option}")
        if not takes_overrides:
            raise AthenaError(f"{command.prog}: one argument too many: '{extra}'; see {command.prog} --help")
    if takes_overrides:
        arguments.overrides = rest
    return arguments


def _lazy(module: str, function: str) -> Callable[[argparse.Namespace], int | None]:
    """Return a command that imports its module only when it runs."""

    def run(arguments: argparse.Namespace) -> int | None:
        import importlib

        return getattr(importlib.import_module(f"athena_wbc.commands.{module}"), function)(arguments)

    return run


def _command(
    commands: argparse._SubParsersAction[Parser],
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
    parser.set_defaults(run=_lazy(*target), parser=parser)
    if overrides:
        parser.set_defaults(overrides=[])
        parser.usage = f"{parser.prog} [options] [key=value ...]"
    return parser


def _group(commands: argparse._SubParsersAction[Parser], name: str, summary: str) -> argparse._SubParsersAction[Parser]:
    parser = commands.add_parser(name, help=summary, description=summary)
    return parser.add_subparsers(dest="action", metavar="action", required=True, parser_class=Parser)


def _add_train(commands: argparse._SubParsersAction[Parser]) -> None:
    parser = _command(
        commands,
        "train",
        ("learning", "train"),
        "Train a policy on motions.",
        "train --recipe general --motions builtin --num_envs 512 --max_iterations 300 --out runs/first\n"
        "train --recipe general --motions my_clips/ --seed 1 --out runs/mine ppo.gamma=0.98\n"
        "train --recipe finetune --init_from runs/student --motions my_clips/ --out runs/finetuned\n"
        "train --out runs/first --max_iterations 600 --resume",
        overrides=True,
    )
    _add_training_options(parser, "general")
    parser.add_argument(
        "--init_from",
        "--init-from",
        metavar="RUN|CHECKPOINT",
        help="start with these networks: a student to fine-tune, or a teacher to make an expert of (fresh ones)",
    )


def _add_distill(commands: argparse._SubParsersAction[Parser]) -> None:
    parser = _command(
        commands,
        "distill",
        ("learning", "distill"),
        "Teach one student with deployable observations what its teachers do, each on the motions routed to it.",
        "distill --teacher general=runs/a --teacher dynamic=runs/b --routing runs/routing.json --out runs/student\n"
        "distill --recipe single_teacher_student --teacher general=runs/general --motions builtin --out runs/single\n"
        "distill --out runs/student --max_iterations 600 --resume",
        overrides=True,
    )
    _add_training_options(parser, "student")
    parser.add_argument(
        "--teacher",
        action="append",
        metavar="NAME=RUN",
        help="a teacher's name, and its run (the newest checkpoint) or a checkpoint; may be repeated",
    )
    parser.add_argument(
        "--routing",
        metavar="FILE",
        help='JSON {"routes": {clip: name of its teacher}}; needed where there are several teachers',
    )


def _add_training_options(parser: Parser, recipe: str) -> None:
    # Without a value the run's own defaults hold, and with --resume what it was started with.
    parser.add_argument("--task", help=f"task id: names the robot ({DEFAULT_TASK})")
    parser.add_argument("--recipe", help=f"name of a recipe, or a YAML file ({recipe})")
    _add_motion_spec(parser)
    parser.add_argument("--num_envs", "--num-envs", type=positive, help="parallel environments (512)")
    parser.add_argument(
        "--max_iterations",
        "--max-iterations",
        type=positive,
        default=300,
        help="train up to this iteration, those before a --resume included (300)",
    )
    parser.add_argument("--seed", type=int, help="seed of everything random (0)")
    parser.add_argument("--device", default="cpu", help="torch device of networks and task: cpu, cuda:0 (cpu)")
    parser.add_argument("--out", required=True, help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --out")


def _add_evaluate(commands: argparse._SubParsersAction[Parser]) -> None:
    parser = _command(
        commands,
        "evaluate",
        ("learning", "evaluate"),
        "Roll out every motion with a policy and report how well it tracks.",
        "evaluate --checkpoint runs/first --motions builtin --out runs/first/evaluation\n"
        "evaluate --checkpoint runs/first/checkpoints/model_300.pt --motions clips --protocol phc --out phc\n"
        "evaluate --checkpoint runs/first --motions builtin --randomisation none --rollouts 1 --out quick",
        overrides=True,
    )
    parser.add_argument("--checkpoint", required=True, help="a checkpoint, a run folder (its newest), or zero")
    parser.add_argument("--out", required=True, help="folder of the report")
    _add_rollout_options(parser, "as the protocol says")
    parser.add_argument("--series", action="store_true", help="also write every rollout's errors over time")


def _add_mine(commands: argparse._SubParsersAction[Parser]) -> None:
    parser = _command(
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
    _add_rollout_options(parser, "10; 1 where nothing is random")


def _add_route(commands: argparse._SubParsersAction[Parser]) -> None:
    parser = _command(
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
    _add_rollout_options(parser, "10; 1 where nothing is random")


def _add_play(commands: argparse._SubParsersAction[Parser]) -> None:
    parser = _command(
        commands,
        "play",
        ("play", "play"),
        "Render a policy beside its reference, or a motion alone, to a video or a strip of pictures.",
        "play --checkpoint runs/first --motions builtin:walk --out walk.mp4\n"
        "play --motions my_clip.csv --out strip.png",
    )
    parser.add_argument("--checkpoint", help="a checkpoint or a run folder; without one, the motion")
    _add_motion_spec(parser)
    parser.add_argument("--task", default=DEFAULT_TASK, help=f"without a checkpoint ({DEFAULT_TASK})")
    parser.add_argument("--out", required=True, help="a .mp4 (needs ffmpeg) or a .png strip")
    parser.add_argument("--seconds", type=float, help="length at most (the whole first clip)")
    parser.add_argument("--width", type=positive, default=480, help="pixels a picture is wide (480)")
    parser.add_argument("--height", type=positive, default=360, help="pixels a picture is high (360)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the simulation (0)")


def _add_demo(commands: argparse._SubParsersAction[Parser]) -> None:
    parser = _command(
        commands,
        "demo",
        ("demo", "demo"),
        "Train the general teacher on the built-in motions for some minutes, and evaluate it.",
        "demo\ndemo --seed 1 --minutes 3 --out runs/short",
        overrides=True,
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random (0)")
    parser.add_argument("--minutes", type=float, default=7.0, help="time for all of it, in minutes (7)")
    parser.add_argument("--num_envs", "--num-envs", type=positive, default=512, help="environments (512)")
    parser.add_argument("--out", default="runs/demo", help="folder (runs/demo); an earlier demo in it goes")


def _add_bench(commands: argparse._SubParsersAction[Parser]) -> None:
    group = _group(commands, "bench", "Measure this machine: the environment, the motion library, training.")
    env = _command(
        group,
        "env",
        ("bench", "env"),
        "Measure the environment's throughput against bare physics on the same model.",
        "bench env --num_envs 512\nbench env --num_envs 512 --json task.observations=full",
        overrides=True,
    )
    env.add_argument("--num_envs", "--num-envs", type=positive, default=512, help="environments (512)")
    env.add_argument("--rounds", type=positive, default=10, help="alternations of ours and bare physics (10)")
    env.add_argument("--seed", type=int, default=0, help="seed of everything random (0)")
    _add_motion_spec(env)
    library = _command(
        group,
        "library",
        ("bench", "library"),
        "Measure the motion library's memory, open time and query rate on a synthetic corpus.",
        "bench library --hours 176\nbench library --hours 2 --json",
    )
    library.add_argument("--hours", type=float, default=176.0, help="length of the corpus in hours (176)")
    train = _command(
        group,
        "train",
        ("bench", "train"),
        "Measure the whole training loop in samples a second.",
        "bench train --num_envs 512 --iterations 20\nbench train --json ppo=default task.observations=full",
        overrides=True,
    )
    train.add_argument("--num_envs", "--num-envs", type=positive, default=512, help="environments (512)")
    _add_motion_spec(train)
    train.add_argument("--iterations", type=positive, default=20, help="iterations to measure (20)")
    for parser in (env, library, train):
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def _add_motions(commands: argparse._SubParsersAction[Parser]) -> None:
    group = _group(commands, "motions", "Look at motion files, check, convert and sort them.")
    info = _command(
        group,
        "info",
        ("motions", "info"),
        "Show what motion files hold.",
        "motions info builtin\nmotions info clips/ --format csv:unitree --fps 50",
    )
    check = _command(
        group,
        "check",
        ("motions", "check"),
        "Check that motions are plausible: joint limits, jumps, falls, floating and sliding feet, facing.",
        "motions check clips/walk.csv --fps 30\nmotions check builtin --json",
    )
    convert = _command(
        group,
        "convert",
        ("motions", "convert"),
        "Convert motions of any known format into this library's own files.",
        "motions convert lafan/*.csv --format csv:lafan --out clips/\n"
        "motions convert take.csv --trim 2s:7s --ground --resample 50 --label dynamic --out clips/",
    )
    manifest = _command(
        group,
        "manifest",
        ("manifest", "manifest"),
        "Choose the dynamic and the balance-critical clips of a corpus, with a reason for every clip.",
        "motions manifest --motions clips/ --out manifests\n"
        "motions manifest --motions clips/ --exclude heldout.txt --size 50 --out manifests family_limit=2\n"
        "evaluate --checkpoint runs/first --motions manifests/balance.json --out runs/first/balance",
    )
    # Its keys are those of configs/manifest, not of a recipe.
    manifest.set_defaults(overrides=[])
    manifest.usage = f"{manifest.prog} [options] [key=value ...]"
    manifest.epilog += (
        "\nAny value of the configuration can be changed with key=value behind the options:\n"
        "  min_duration=1 dynamic.buckets.run.quota=0.5 balance.weights.tilt_mean=2\n"
        "The keys, with their values: configs/manifest/default.yaml\n"
    )
    _add_motion_spec(manifest)
    manifest.add_argument("--out", required=True, help="folder for dynamic.json, balance.json, manifest.json and .csv")
    manifest.add_argument("--size", type=positive, help="clips of each manifest at most (1000)")
    manifest.add_argument(
        "--exclude", action="append", metavar="FILE", help="clips never to choose: names in a .txt or .json list"
    )
    manifest.add_argument(
        "--config", default="default", help="name of a manifest configuration, or a YAML file (default)"
    )
    _command(
        group,
        "formats",
        ("motions", "list_formats"),
        "List the file formats that are read.",
        "motions formats",
    )
    for parser in (info, check, convert):
        parser.add_argument("motions", nargs="+", help="files, folders, lists, or builtin[:name,...]")
    for parser in (info, check, convert, manifest):
        parser.add_argument("--robot", default="g1", help="robot that the motions are for (g1)")
        parser.add_argument("--format", default="auto", help="file format, where it cannot be told (auto)")
        parser.add_argument("--fps", type=float, help="frames a second, where the file does not say")
        parser.add_argument("--quaternion", help="xyzw or wxyz, where it is not the format's usual")
        parser.add_argument("--joint_order", "--joint-order", help="order of unnamed joints, where it is not usual")
    for parser in (info, convert, manifest):
        parser.add_argument(
            "--accept", action="append", default=[], metavar="KIND", help="read in spite of this finding; see check"
        )
    for parser in (info, check):
        parser.add_argument("--json", action="store_true", help="print JSON")
    convert.add_argument("--out", required=True, help="folder for the converted files")
    convert.add_argument("--trim", metavar="START:STOP", help="keep this range: frames, or seconds with an s")
    convert.add_argument("--ground", action="store_true", help="move each clip so that its feet touch the ground")
    convert.add_argument("--resample", type=float, metavar="FPS", help="frame rate of the new files")
    convert.add_argument("--label", help="locomotion, dynamic or balance")
    convert.add_argument("--licence", help="licence of the motions, for the record")
    convert.add_argument("--source", help="where the motions are from, for the record")


def _add_robots(commands: argparse._SubParsersAction[Parser]) -> None:
    group = _group(commands, "robots", "List the known robots, and show one.")
    _command(group, "list", ("robots", "list_robots"), "List the known robots.", "robots list")
    show = _command(
        group,
        "show",
        ("robots", "show_robot"),
        "Show a robot's joints, limits, gains and bodies.",
        "robots show g1\nrobots show my_robot/robot.yaml",
    )
    show.add_argument("robot", help="name of a robot, or the path of its robot.yaml")


def _add_recipes(commands: argparse._SubParsersAction[Parser]) -> None:
    group = _group(commands, "recipes", "List the training recipes, and show what one resolves to.")
    _command(group, "list", ("recipes", "list_recipes"), "List the recipes.", "recipes list")
    show = _command(
        group,
        "show",
        ("recipes", "show_recipe"),
        "Print the whole configuration of a recipe as YAML: every key with its value.",
        "recipes show general\nrecipes show general ppo=default",
        overrides=True,
    )
    show.add_argument("recipe", help="name of a recipe, or a YAML file")


def _add_rollout_options(parser: Parser, rollouts: str) -> None:
    """Add what every command takes that rolls out a corpus; ``rollouts`` says the default of that option."""
    _add_motion_spec(parser)
    parser.add_argument("--protocol", default="athena", help="name of a protocol, or a YAML file (athena)")
    parser.add_argument("--rollouts", type=positive, help=f"rollouts of every clip ({rollouts})")
    parser.add_argument("--num_envs", "--num-envs", type=positive, help="parallel environments at most")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random (0)")
    parser.add_argument("--device", default="cpu", help="torch device of the policy (cpu)")
    parser.add_argument("--randomisation", help="randomisation preset instead of the protocol's, or none")


def _add_motion_spec(parser: Parser) -> None:
    parser.add_argument(
        "--motions",
        action="append",
        metavar="MOTIONS",
        help="builtin, builtin:NAME,NAME, a file, a folder, or a list of those; may be repeated (builtin)",
    )


if __name__ == "__main__":
    sys.exit(main())
