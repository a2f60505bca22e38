"""Roll out every clip of a library R times and record what happens.

Rollouts run in waves: as many as there are environments start together, longest clips first so that those of
one wave are of nearly one length, and a wave runs to the end of its longest clip whatever the policy does. So
nothing is reset under way (a group's history would be pushed twice), and every policy meets the same draws of
the randomisation as long as seed and number of environments agree.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from tensordict import TensorDict
from torch import Tensor

from athena_wbc.errors import AthenaError
from athena_wbc.evaluation.config import EvaluationConfig
from athena_wbc.evaluation.errors import ERRORS, FrameErrors, error_columns, error_limits
from athena_wbc.evaluation.score import Trajectory
from athena_wbc.motion.library import MotionLibrary

if TYPE_CHECKING:
    # The MuJoCo shell is only one of those that evaluation runs on.
    from athena_wbc.sim.env import TrackingEnv

Policy = Callable[[TensorDict], Tensor]
"""Observations of N environments -> (N, A) actions."""


@dataclass(frozen=True)
class Job:
    """One rollout of one clip."""

    clip: int
    rollout: int
    last_step: int
    """Control step at which the clip ends."""


def plan_waves(num_steps: Tensor, rollouts: int, num_envs: int) -> list[list[Job]]:
    """Share all rollouts out among waves of at most ``num_envs``, longest clips first.

    Args:
        num_steps: (M,) control steps of every clip, step 0 included.
        rollouts: rollouts of every clip.
    """
    last = (num_steps - 1).tolist()
    order = sorted(range(len(last)), key=lambda clip: (-last[clip], clip))
    jobs = [Job(clip, rollout, last[clip]) for clip in order for rollout in range(rollouts)]
    return [jobs[start : start + num_envs] for start in range(0, len(jobs), num_envs)]


def frame_sizes(num_bodies: int, num_actions: int) -> tuple[int, ...]:
    """Numbers that one frame of one environment takes: errors, positions three times, command, action."""
    return len(ERRORS), 3 * num_bodies, 3 * num_bodies, 3 * num_bodies, num_actions, num_actions


def choose_num_envs(library: MotionLibrary, config: EvaluationConfig, num_bodies: int, num_actions: int) -> int:
    """Environments to run at a time: no more than configured, than rollouts, or than the buffer holds."""
    frames = int(library.num_steps.max()) - 1
    bytes_each = 4 * frames * sum(frame_sizes(num_bodies, num_actions))
    held = int(config.buffer_gb * 1e9 // bytes_each)
    if held == 0:
        raise AthenaError(
            f"evaluation.buffer_gb: {config.buffer_gb:g} GB do not hold one rollout of the longest clip; "
            f"give at least {math.ceil(bytes_each / 1e7) / 100:g}"
        )
    return min(config.num_envs, library.num_clips * config.rollouts, held)


@torch.no_grad()
def roll_out(
    env: TrackingEnv,
    policy: Policy,
    config: EvaluationConfig,
    finished: Callable[[Trajectory], None],
    stepped: Callable[[], None] = lambda: None,
) -> None:
    """Run all rollouts of the environment's library.

    The state after k control steps is compared with the reference at step k. Control steps 1 to the last one
    are recorded. A rollout that reaches the cap on an error that decides success, whose numbers are not finite
    or whose simulation fails (``env.broken``) is cut there and is not completed.

    Args:
        env: a shell of the tracking task, which is left with ``auto_reset`` off.
        policy: called with the observations of all environments in every control step.
        config: the protocol.
        finished: called with every rollout, in an order that depends on nothing but the clips' lengths.
        stepped: called after every control step, for a display of progress.
    """
    embodiment, task, device = env.embodiment, env.task, torch.device(env.device)
    frame_errors = FrameErrors.for_robot(embodiment)
    waves = plan_waves(env.library.num_steps, config.rollouts, env.num_envs)
    sizes = frame_sizes(len(embodiment.key_bodies), env.num_actions)
    frames = torch.zeros(waves[0][0].last_step, env.num_envs, sum(sizes), device=device)
    env.auto_reset = False
    for wave in waves:
        ids = torch.arange(len(wave), device=device)
        clips = torch.tensor([job.clip for job in wave], device=device)
        # Those that have no job go on with the clips that they have.
        env.library.require(torch.cat((clips, task.clip[len(wave) :])))
        observations = env.reset_to(ids, clips, torch.zeros_like(ids))
        # Environments that have no job, or whose clip is over, go on; what they do then is not read.
        for frame in range(wave[0].last_step):
            observations = env.step(policy(observations))[0]
            errors = frame_errors.of(task.robot, task.reference, task.errors)
            # A simulation that failed was put back on its feet by the shell: its numbers are no rollout's.
            errors.masked_fill_(env.broken.unsqueeze(-1), math.nan)
            parts = (
                errors,
                task.robot.body_pos_w,
                task.reference.body_pos_w,
                task.errors.anchored_pos_w,
                task.command,
                task.last_action,
            )
            torch.cat([part.flatten(1) for part in parts], dim=-1, out=frames[frame])
            stepped()
        for index, job in enumerate(wave):
            recorded = frames[: job.last_step, index].to("cpu", copy=True)
            finished(cut_trajectory(job, recorded, sizes, config))


def cut_trajectory(job: Job, frames: Tensor, sizes: tuple[int, ...], config: EvaluationConfig) -> Trajectory:
    """Make a trajectory of the frames of one rollout, up to where it counts.

    Args:
        job: which rollout it is.
        frames: (T, sum of sizes) of all its control steps, on the CPU.
        sizes: :func:`frame_sizes`.
        config: for the errors that decide success, and the cap.

    Returns:
        The trajectory: the frame that reaches the cap is its last; a frame with numbers that are not finite
        is left out with all that follow.
    """
    columns = error_columns(config.errors)
    cap = config.cap_scale * error_limits(config)[columns]
    lost = ~frames.isfinite().all(dim=-1)
    capped = (frames[:, columns].double() >= cap).any(dim=-1)
    stops = (lost | capped).nonzero().flatten()
    completed, end = len(stops) == 0, len(frames)
    if not completed:
        first = int(stops[0])
        end = first if bool(lost[first]) else first + 1
    errors, position, reference, anchored, command, action = frames[:end].split(sizes, dim=-1)
    bodies = (-1, 3)
    return Trajectory(
        clip=job.clip,
        rollout=job.rollout,
        expected_frames=job.last_step,
        completed=completed,
        errors=errors,
        position=position.unflatten(-1, bodies),
        reference=reference.unflatten(-1, bodies),
        anchored=anchored.unflatten(-1, bodies),
        command=command,
        action=action,
    )
