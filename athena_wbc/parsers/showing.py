"""What ``athena play``, ``demo``, ``bench`` and ``recipes`` accept."""

from __future__ import annotations

from athena_wbc.parsers.base import (
    DEFAULT_TASK,
    Commands,
    add_motion_spec,
    add_simulator_options,
    command,
    command_group,
    positive,
)


def add_play(commands: Commands) -> None:
    parser = command(
        commands,
        "play",
        ("play", "play"),
        "Render a policy beside its reference, or a motion alone, to a video or a strip of pictures.",
        "play --checkpoint runs/first --motions builtin:walk --out walk.mp4\n"
        "play --checkpoint runs/first --motions builtin --num_envs 4 --out four.png\n"
        "play --motions my_clip.csv --out strip.png",
        overrides=True,
    )
    parser.add_argument("--checkpoint", help="a checkpoint or a run folder; without one, the motion")
    add_motion_spec(parser)
    parser.add_argument("--task", default=DEFAULT_TASK, help=f"without a checkpoint ({DEFAULT_TASK})")
    parser.add_argument("--out", required=True, help="a .mp4 (needs ffmpeg) or a .png strip")
    parser.add_argument(
        "--num_envs", "--num-envs", type=positive, default=1, help="motions at once, each in an environment (1)"
    )
    parser.add_argument("--seconds", type=float, help="length at most (the whole clip)")
    parser.add_argument("--width", type=positive, default=480, help="pixels a picture is wide (480)")
    parser.add_argument("--height", type=positive, default=360, help="pixels a picture is high (360)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the simulation (0)")
    parser.add_argument("--device", default="cpu", help="torch device of the policy (cpu)")
    add_simulator_options(parser)


def add_demo(commands: Commands) -> None:
    parser = command(
        commands,
        "demo",
        ("demo", "demo"),
        "Run the whole pipeline on some of the built-in motions, from the general teacher to the report.",
        "demo\ndemo --seed 1 --out runs/second\ndemo --resume",
    )
    parser.set_defaults(overrides=[])
    parser.usage = f"{parser.prog} [options] [key=value ...]"
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random (0)")
    parser.add_argument("--jobs", type=positive, default=2, help="stages that run side by side (2)")
    parser.add_argument("--out", default="runs/demo", help="folder (runs/demo); an earlier demo in it goes")
    parser.add_argument("--resume", action="store_true", help="go on with the demo in --out instead")


def add_bench(commands: Commands) -> None:
    group = command_group(commands, "bench", "Measure this machine: the environment, the motion library, training.")
    env = command(
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
    add_motion_spec(env)
    library = command(
        group,
        "library",
        ("bench", "library"),
        "Measure the motion library's memory, open time and query rate on a synthetic corpus.",
        "bench library --hours 176\nbench library --hours 2 --json",
    )
    library.add_argument("--hours", type=float, default=176.0, help="length of the corpus in hours (176)")
    corpus = command(
        group,
        "corpus",
        ("bench", "corpus"),
        "Measure how fast clips are packed, how soon the corpus is open, and the memory of its library.",
        "bench corpus --clips 20000\nbench corpus --clips 1000 --seconds 30 --jobs 2 --json",
    )
    corpus.add_argument("--clips", type=positive, default=20000, help="synthetic clips (20000)")
    corpus.add_argument("--seconds", type=float, default=7.3, help="mean length of a clip at 50 Hz (7.3)")
    corpus.add_argument("--jobs", type=positive, default=1, help="processes that read (1)")
    train = command(
        group,
        "train",
        ("bench", "train"),
        "Measure the whole training loop in samples a second.",
        "bench train --num_envs 512 --iterations 20\nbench train --json ppo=default task.observations=full",
        overrides=True,
    )
    train.add_argument("--num_envs", "--num-envs", type=positive, default=512, help="environments (512)")
    add_motion_spec(train)
    train.add_argument("--iterations", type=positive, default=20, help="iterations to measure (20)")
    for parser in (env, library, corpus, train):
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def add_recipes(commands: Commands) -> None:
    group = command_group(commands, "recipes", "List the training recipes, and show what one resolves to.")
    command(group, "list", ("recipes", "list_recipes"), "List the recipes.", "recipes list")
    show = command(
        group,
        "show",
        ("recipes", "show_recipe"),
        "Print the whole configuration of a recipe as YAML: every key with its value.",
        "recipes show general\nrecipes show general ppo=default",
        overrides=True,
    )
    show.add_argument("recipe", help="name of a recipe, or a YAML file")
