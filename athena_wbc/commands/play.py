"""``athena play``: look at a motion, or at a policy that tracks it."""

from __future__ import annotations

import argparse

from athena_wbc.errors import AthenaError
from athena_wbc.sim.render import check_output, choose_backend


def play(arguments: argparse.Namespace) -> None:
    """Draw the first clips of ``--motions``: tracked by ``--checkpoint``, or alone."""
    check_output(arguments.out)
    choose_backend()  # before anything imports MuJoCo
    specs = arguments.motions or ["builtin"]
    if arguments.checkpoint is None:
        embodiment, recordings = _motions(arguments, specs)
    else:
        embodiment, recordings = _rollouts(arguments, specs)

    from athena_wbc.sim.play import show

    show(recordings, embodiment, arguments.out, arguments.width, arguments.height)
    shown = (f"{recording.name}, {len(recording.robot) / recording.fps:.1f} s" for recording in recordings)
    print(f"{arguments.out}: {'; '.join(shown)}")


def _motions(arguments: argparse.Namespace, specs: list[str]):
    from athena_tasks import find_task
    from athena_wbc.embodiment import get_embodiment
    from athena_wbc.motion.corpus import load_clips
    from athena_wbc.sim.play import record_motion

    if arguments.overrides:
        key = arguments.overrides[0].partition("=")[0]
        raise AthenaError(
            f"{key}: a motion alone has no such setting; name a policy with --checkpoint, or leave it out"
        )
    embodiment = get_embodiment(find_task(arguments.task).robot)
    clips = load_clips(specs, embodiment)[: arguments.num_envs]
    return embodiment, [record_motion(clip, embodiment, arguments.seconds) for clip in clips]


def _rollouts(arguments: argparse.Namespace, specs: list[str]):
    from athena_wbc.config import config_from_dict
    from athena_wbc.embodiment import get_embodiment
    from athena_wbc.learning.checkpoint import load_checkpoint, load_policy
    from athena_wbc.motion.corpus import load_clips
    from athena_wbc.motion.library import MotionLibrary
    from athena_wbc.sim.play import record_rollouts
    from athena_wbc.sim.registry import make_env

    source = arguments.checkpoint
    given = {"task.randomisation": "none", "task.observations.student.noise": False}
    config = config_from_dict(load_checkpoint(source)["config"], source, arguments.overrides, given)
    embodiment = get_embodiment(config.robot)
    clips = load_clips(specs, embodiment)[: arguments.num_envs]
    library = MotionLibrary(clips, embodiment, config.sim.control_dt, arguments.device)
    groups = tuple(config.ppo.obs_groups["actor"])
    env = make_env(config, library, len(clips), arguments.device, arguments.seed, groups)
    try:
        return embodiment, record_rollouts(env, load_policy(source, env), arguments.seconds)
    finally:
        env.close()
