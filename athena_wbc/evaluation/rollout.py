"""Roll out every clip of a library R times and record what happens.

An environment takes a job, one rollout of one clip, starts at the clip's first frame, and takes the next job
when the clip is over or the rollout is cut. Short of the cap, rollouts end with their clip whatever the
policy does, so two policies meet the same draws of the randomisation if seed and num_envs agree.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from tensordict import TensorDict
from torch import Tensor

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.evaluation.config import EvaluationConfig
from athena_wbc.evaluation.errors import ERRORS, FrameErrors, error_columns, error_limits
from athena_wbc.evaluation.score import Trajectory
from athena_wbc.motion.library import MotionLibrary

if TYPE_CHECKING:
    # The MuJoCo shell is only one of those that evaluation runs on.
    from athena_wbc.sim.env import TrackingEnv

Policy = Callable[[TensorDict], Tensor]
"""Observations of N environments -> (N, A) actions, deterministic."""


@dataclass(frozen=True)
class Job:
    """One rollout of one clip."""

    clip: int
    rollout: int
    last_step: int
    """Control step at which the clip ends."""


def plan_jobs(num_steps: Tensor, rollouts: int) -> list[Job]:
    """All jobs, longest clips first, so that the last ones to finish are short.

    Args:
        num_steps: (M,) control steps of every clip, step 0 included.
        rollouts: rollouts of every clip.
    """
    last = (num_steps - 1).tolist()
    order = sorted(range(len(last)), key=lambda clip: (-last[clip], clip))
    return [Job(clip, rollout, last[clip]) for clip in order for rollout in range(rollouts)]


def frame_sizes(num_bodies: int, num_actions: int) -> tuple[int, ...]:
    """Numbers that one frame of one environment takes: errors, positions three times, command, action."""
    return len(ERRORS), 3 * num_bodies, 3 * num_bodies, 3 * num_bodies, num_actions, num_actions


def choose_num_envs(
    library: MotionLibrary, config: EvaluationConfig, num_bodies: int, num_actions: int
) -> int:
    """Environments to run at a time: no more than configured, than jobs, or than the buffer holds."""
    frames = int(library.num_steps.max()) - 1
    bytes_each = 4 * frames * sum(frame_sizes(num_bodies, num_actions))
    held = int(config.buffer_gb * 1e9 // bytes_each)
    if held == 0:
        raise AthenaError(
            f"evaluation.buffer_gb: {config.buffer_gb:g} GB do not hold one rollout of the longest clip; "
            f"give at least {math.ceil(bytes_each / 1e7) / 100:g}"
        )
    return min(config.num_envs, library.num_clips * config.rollouts, held)


class Recorder:
    """Frames of the rollouts under way, on the environments' device: (N, longest clip, size of a frame)."""

    def __init__(self, num_envs: int, max_frames: int, sizes: tuple[int, ...], device: torch.device) -> None:
        self._sizes = sizes
        self._rows = torch.arange(num_envs, device=device)
        self._frames = torch.zeros(num_envs, max_frames, sum(sizes), device=device)

    def write(self, frame: Tensor, *parts: Tensor) -> Tensor:
        """Write one frame of every environment.

        Args:
            frame: (N,) number of the frame to write.
            parts: what belongs to it, (N, size...) each, in the order of the sizes.

        Returns:
            (N,) bool, whether all its numbers are finite.
        """
        values = torch.cat([part.flatten(1) for part in parts], dim=-1)
        self._frames[self._rows, frame] = values
        return values.isfinite().all(dim=-1)

    def read(self, env: int, frames: int) -> tuple[Tensor, ...]:
        """A copy on the CPU of the first frames of one environment, split into its parts (frames, size)."""
        return self._frames[env, :frames].to("cpu", copy=True).split(self._sizes, dim=-1)


@torch.no_grad()
def roll_out(
    env: TrackingEnv, policy: Policy, config: EvaluationConfig, finished: Callable[[Trajectory], None]
) -> None:
    """Run all rollouts of the environment's library.

    The state after k control steps is compared with the reference at step k. Control steps 1 to the last one
    are recorded; a rollout that reaches the cap on an error that decides success, or numbers that are not
    finite, is cut there and is not completed. With the same seed and number of environments, the same
    trajectories come in the same order.

    Args:
        env: a shell of the tracking task, which is left with ``auto_reset`` off.
        policy: called with the observations of all environments in every control step.
        config: the protocol.
        finished: called with every rollout as soon as it is over.
    """
    embodiment, task, device = env.embodiment, env.task, torch.device(env.device)
    frame_errors = FrameErrors.for_robot(embodiment)
    columns = error_columns(config.errors)
    cap = (config.cap_scale * error_limits(config)[columns]).float().to(device)
    jobs = plan_jobs(env.library.num_steps, config.rollouts)
    sizes = frame_sizes(len(embodiment.key_bodies), env.num_actions)
    recorder = Recorder(env.num_envs, max(job.last_step for job in jobs), sizes, device)

    waiting = iter(jobs)
    current: list[Job | None] = [None] * env.num_envs
    busy = torch.zeros(env.num_envs, dtype=torch.bool, device=device)
    step = torch.zeros(env.num_envs, dtype=torch.long, device=device)
    last_step = torch.ones(env.num_envs, dtype=torch.long, device=device)

    def start(envs: list[int]) -> TensorDict | None:
        """Give the next jobs to these environments; those that get none stand idle."""
        given = []
        for index in envs:
            current[index] = next(waiting, None)
            if current[index] is not None:
                given.append((index, current[index]))
        busy[envs] = False
        if not given:
            return None
        ids = torch.tensor([index for index, _ in given], device=device)
        clips = torch.tensor([job.clip for _, job in given], device=device)
        busy[ids], step[ids] = True, 0
        last_step[ids] = torch.tensor([job.last_step for _, job in given], device=device)
        return env.reset_to(ids, clips, torch.zeros_like(ids))

    env.auto_reset = False
    observations = start(list(range(env.num_envs)))
    while any(job is not None for job in current):
        observations = env.step(policy(observations))[0]
        # An idle environment goes on, and what it writes is never read.
        step = torch.where(busy, step + 1, 1)
        errors = frame_errors.of(task.robot, task.reference, task.errors)
        finite = recorder.write(
            step - 1,
            errors,
            task.robot.body_pos_w,
            task.reference.body_pos_w,
            task.errors.anchored_pos_w,
            task.command,
            task.last_action,
        )
        cut = ~finite | (errors[:, columns] >= cap).any(dim=-1)
        over = (busy & (cut | (step >= last_step))).nonzero().flatten()
        ended = torch.stack((over, cut[over], finite[over], step[over]), dim=-1).tolist()
        for index, was_cut, was_finite, steps in ended:
            parts = recorder.read(index, steps if was_finite else steps - 1)
            finished(_trajectory(current[index], not was_cut, parts, embodiment))
        if ended:
            fresh = start([index for index, *_ in ended])
            observations = observations if fresh is None else fresh


def _trajectory(job: Job, completed: bool, parts: tuple[Tensor, ...], embodiment: Embodiment) -> Trajectory:
    errors, position, reference, anchored, command, action = parts
    bodies = (len(embodiment.key_bodies), 3)
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
