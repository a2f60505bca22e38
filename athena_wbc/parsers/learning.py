"""What ``athena train``, ``distill`` and ``evaluate`` accept."""

from __future__ import annotations

from athena_wbc.parsers.base import (
    DEFAULT_TASK,
    Commands,
    Parser,
    add_motion_spec,
    add_rollout_options,
    add_simulator_options,
    command,
    positive,
)


def add_train(commands: Commands) -> None:
    parser = command(
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


def add_distill(commands: Commands) -> None:
    parser = command(
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
    add_motion_spec(parser)
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
    add_simulator_options(parser)
    parser.add_argument("--out", required=True, help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --out")


def add_evaluate(commands: Commands) -> None:
    parser = command(
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
    add_rollout_options(parser, "as the protocol says")
    parser.add_argument("--series", action="store_true", help="also write every rollout's errors over time")
