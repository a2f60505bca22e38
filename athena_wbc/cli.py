"""The ``athena`` command: what it accepts, and the one place where a user's mistake becomes one line.

Only the command that runs imports what it needs, so that ``athena --version`` and the lists answer at once.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence

from athena_wbc import __version__
from athena_wbc.errors import AthenaError, suggest
from athena_wbc.parsers import (
    deployment,
    learning,
    motions,
    pipeline,
    robots,
    showing,
    synthesis,
    synthesis_bank,
    synthesis_generate,
)
from athena_wbc.parsers.base import Parser
from athena_wbc.threads import prepare_threads


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
    learning.add_train(commands)
    learning.add_distill(commands)
    learning.add_evaluate(commands)
    deployment.add_export(commands)
    pipeline.add_pipeline(commands)
    pipeline.add_mine(commands)
    pipeline.add_route(commands)
    pipeline.add_report(commands)
    synthesis.add_synthesize(commands)
    showing.add_play(commands)
    showing.add_demo(commands)
    showing.add_bench(commands)
    motions.add_motions(commands)
    robots.add_robots(commands)
    synthesis_bank.add_prompts(commands)
    synthesis_generate.add_generate(commands)
    showing.add_recipes(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 2 for a user's mistake, 130 when interrupted."""
    try:
        arguments = _parse(list(sys.argv[1:] if argv is None else argv) or ["--help"])
        prepare_threads()
        if getattr(arguments, "where", None) is not None:
            _filter_motions(arguments)
        with _simulator(arguments):
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


def _simulator(arguments: argparse.Namespace) -> contextlib.AbstractContextManager[None]:
    """Start the simulator that a command was given; `physics=ENGINE` among the overrides is the simulator's."""
    if not hasattr(arguments, "sim"):
        return contextlib.nullcontext()
    from athena_wbc.learning.processes import local_device
    from athena_wbc.sim.registry import simulator

    overrides = getattr(arguments, "overrides", [])
    engines = [override.partition("=")[2] for override in overrides if override.startswith("physics=")]
    if engines:
        arguments.overrides = [override for override in overrides if not override.startswith("physics=")]
    # These simulate in processes of their own.
    start = arguments.command not in ("pipeline", "synthesize")
    device = local_device(getattr(arguments, "device", "cpu"))
    return simulator(arguments.sim, device, engines[-1] if engines else None, arguments.headless, start)


def _filter_motions(arguments: argparse.Namespace) -> None:
    """Put ``--where`` into the motions themselves, so that it is on record wherever they are."""
    if not arguments.motions:
        raise AthenaError("--where: filters packed corpora; name one with --motions")
    from athena_wbc.motion.corpus import with_where

    arguments.motions = with_where(arguments.motions, arguments.where)


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
    if hasattr(arguments, "prepare"):
        arguments.prepare(arguments)
    return arguments


if __name__ == "__main__":
    sys.exit(main())
