"""What ``athena synthesize`` accepts."""

from __future__ import annotations

from athena_wbc.parsers.base import Commands, add_simulator_options, command, positive

_NAMES = """
Any value of the configuration can be changed with key=value behind the options:
  per_domain=20 training.iterations=2000 scheduler.options.start_tier=2 heldout=[clips/]
Folders with several runs, or several folders, are compared with:
  athena synthesize compare RUN [RUN ...] [--out FOLDER]
"""


def add_synthesize(commands: Commands) -> None:
    parser = command(
        commands,
        "synthesize",
        ("synthesis", "synthesize"),
        "Run the closed loop: prompts, motions, filters, judges, retargeting, training, evaluation, harder prompts.",
        "synthesize --preset demo --out runs/claims\n"
        "synthesize --loops 3 --jobs 2 --out runs/claims\n"
        "synthesize --out runs/claims --resume\n"
        "synthesize --out runs/claims --loops 4 --resume\n"
        "synthesize --preset demo --scheduler random --seed 1 --out runs/random_1\n"
        "synthesize --preset demo --out runs/try --until loop_0.corpus --dry-run\n"
        "synthesize compare runs/claims runs/random_1 --out runs/comparison",
    )
    parser.set_defaults(overrides=[])
    parser.usage = f"{parser.prog} [options] [key=value ...]\n       {parser.prog} compare RUN [RUN ...] [--out FOLDER]"
    parser.epilog = f"{parser.epilog}{_NAMES}"
    parser.add_argument("--preset", help="demo, default, or a YAML file (default; to go on, what --out was made with)")
    parser.add_argument("--out", help="folder of the run; of a comparison, where it is written to")
    parser.add_argument(
        "--loops", type=positive, help="rounds of prompts, motions and training; more may be added later"
    )
    parser.add_argument(
        "--generator", help="library, mdm, mdm_lite, folder, http or irg, instead of the configuration's"
    )
    parser.add_argument("--judge", help="kinematic, vlm or ensemble, instead of the configuration's")
    parser.add_argument("--scheduler", help="rule, llm, random or one_shot, instead of the configuration's")
    parser.add_argument("--seed", type=int, help="one seed instead of the configuration's")
    parser.add_argument("--jobs", type=positive, default=1, help="stages that run side by side (1)")
    parser.add_argument("--resume", action="store_true", help="go on with what is in --out; redo what no longer holds")
    parser.add_argument("--until", metavar="STAGE", help="run this stage and what it needs, such as loop_0.corpus")
    parser.add_argument("--dry-run", "--dry_run", action="store_true", help="only say what would run, and why")
    parser.add_argument("--device", default="cpu", help="torch device of networks and tasks: cpu, cuda:0 (cpu)")
    parser.add_argument(
        "--motions-root", "--motions_root", metavar="FOLDER", help="where relative paths start (where you run)"
    )
    add_simulator_options(parser)
