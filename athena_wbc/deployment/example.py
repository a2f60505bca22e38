"""A short rollout, value by value, for whoever writes the observations anew in another language."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import torch

from athena_wbc.learning.models import FlatMLP
from athena_wbc.motion.reference import GeneralisedState
from athena_wbc.rotations import quat_apply_inverse

if TYPE_CHECKING:
    from athena_wbc.sim.env import TrackingEnv

FILE = "example.npz"
STEPS = 100
"""Control steps that are recorded, if the clip lasts as long."""


@torch.inference_mode()
def record_example(env: TrackingEnv, actor: FlatMLP, steps: int = STEPS) -> dict[str, np.ndarray]:
    """Let a policy track the first clip of ``env`` from its first frame, and record every control step.

    Args:
        env: of one environment, without noise or randomisation, and its physics as in training.
        actor: on the device of ``env``; acts with its mean at full precision.
        steps: at most.

    Returns:
        Arrays with T rows, one a control step: ``time``; the sensors ``joint_pos``, ``joint_vel``, ``orientation``
        (x, y, z, w), ``angular_velocity`` (root frame); ``observations`` (T, D), ``actions`` (T, A) as the network
        gives them, ``targets`` (T, J) rad. Beside them ``joint_names``, ``clip``, and ``reference_*`` with R rows:
        the reference at the control steps 0, 1, ... of the clip, as far as the policy looks ahead.
    """
    env.auto_reset = False
    ids = torch.zeros(1, dtype=torch.long, device=env.device)
    length = int(env.library.num_steps[0])
    count = min(steps, length)
    rows: dict[str, list[np.ndarray]] = {}
    observations = env.reset_to(ids, ids, ids)
    for _ in range(count):
        robot = env.task.robot
        inputs = torch.cat([observations[group] for group in actor.obs_groups], dim=-1)
        actions = actor.mean(actor.inputs(observations))
        now = {
            "joint_pos": robot.joint_pos,
            "joint_vel": robot.joint_vel,
            "orientation": robot.root_quat_w,
            "angular_velocity": quat_apply_inverse(robot.root_quat_w, robot.root_ang_vel_w),
            "observations": inputs,
            "actions": actions,
        }
        # A copy: what the task holds changes in the step.
        now = {key: value[0].cpu().numpy().copy() for key, value in now.items()}
        observations = env.step(actions)[0]
        now["targets"] = env.task.action.target[0].cpu().numpy().copy()
        for key, value in now.items():
            rows.setdefault(key, []).append(value)
    recorded = {key: np.stack(values) for key, values in rows.items()}
    ahead = torch.arange(min(length, count + _looks_ahead(env, actor)), device=env.device)
    reference = env.library.generalised(ids, ahead.unsqueeze(0))
    for field in dataclasses.fields(GeneralisedState):
        recorded[f"reference_{field.name}"] = getattr(reference, field.name)[0].cpu().numpy().copy()
    recorded["time"] = env.library.control_dt * np.arange(count)
    recorded["joint_names"] = np.array(env.embodiment.joint_names)
    recorded["clip"] = np.array(env.library.names[0])
    return recorded


def _looks_ahead(env: TrackingEnv, actor: FlatMLP) -> int:
    """Control steps that observations and targets reach beyond now."""
    groups = (getattr(env.cfg.task.observations, name) for name in actor.obs_groups)
    steps = [step for group in groups for term in group.terms for step in term.steps]
    return max(0, env.cfg.task.action.lead_steps, *steps)
