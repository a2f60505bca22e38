"""Write what the MuJoCo shell says about 200 states, a held pose and three gravities, for the tests on Isaac Lab.

The two simulators hold different versions of MuJoCo, so no process has both: `python -m tests.isaaclab.write_parity
FILE.npz` runs in one environment, the tests read the file in the other. Beside it a small run is left for them.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import torch

from athena_wbc.config import load_config, recipe_descriptions
from athena_wbc.embodiment import get_embodiment
from athena_wbc.motion.opening import open_library
from athena_wbc.sim.env import TrackingEnv
from athena_wbc.task.rewards import TERMS
from tests.isaaclab.crossing import leave_run

NUM_STATES = 200
OVERRIDES = (
    "task.randomisation=none",
    "ppo.obs_groups={actor: [teacher, student], critic: [critic]}",
    "task.observations.teacher.noise=false",
    "task.observations.student.noise=false",
    "task.observations.critic.noise=false",
)


def make(num_envs: int, *overrides: str) -> TrackingEnv:
    config = load_config("general", [*OVERRIDES, *overrides])
    library = open_library(["builtin"], get_embodiment("g1"), config.sim.control_dt)
    return TrackingEnv(config, library, num_envs, seed=5)


def drawn(env) -> tuple[torch.Tensor, torch.Tensor]:
    """Clips and steps of the states, the same on both sides."""
    generator = torch.Generator().manual_seed(11)
    clips = torch.randint(len(env.library.names), (NUM_STATES,), generator=generator)
    steps = (torch.rand(NUM_STATES, generator=generator) * (env.library.num_steps[clips] - 12)).long()
    return clips, steps


def states(env, start) -> dict[str, np.ndarray]:
    """What the task makes of given states: observations, reward terms, terminations.

    Args:
        start: writes start states (fields of a generalised state) into all environments and returns the robot.
    """
    task = env.task
    clips, steps = drawn(env)
    everyone = torch.arange(NUM_STATES)
    noisy, _ = task.reset_to(everyone, clips, steps, noise=False)
    robot = start(noisy)
    generator = torch.Generator().manual_seed(17)
    for name in ("action", "previous", "before_previous"):
        setattr(task.action, name, torch.randn(NUM_STATES, env.num_actions, generator=generator))
    # One step on: `dones` moves the clips, so that the state is compared with the next reference.
    task.observe(robot)
    terminated, timed_out = task.dones(robot)
    views = []
    compute, task.reward.compute = task.reward.compute, lambda view: views.append(view) or compute(view)
    rewards = task.rewards()
    observed = task.observations(robot)
    result = {f"robot/{f.name}": getattr(robot, f.name).numpy() for f in dataclasses.fields(robot)}
    result |= {f"observations/{name}": value.numpy() for name, value in observed.items()}
    result |= {f"terms/{name}": value.numpy() for name, value in reward_terms(views[0]).items()}
    result["reward"] = rewards.numpy()
    return result | {"terminated": terminated.numpy(), "timed_out": timed_out.numpy()}


def reward_terms(view) -> dict[str, torch.Tensor]:
    """Every term of every recipe, unweighted, with the recipe's own widths and thresholds."""
    return {
        f"{recipe}/{name}": TERMS[name].function(view, term)
        for recipe in recipe_descriptions()
        for name, term in load_config(recipe).task.rewards.terms.items()
    }


def write(path: str) -> None:
    """Write everything that the tests compare."""
    arrays: dict[str, np.ndarray] = {}
    env = make(NUM_STATES)
    generator = torch.Generator().manual_seed(3)
    clips, steps = drawn(env)
    reference = env.library.at(clips, steps)
    unit = 2.0 * torch.rand(NUM_STATES, 6 + 2 * env.num_actions, generator=generator) - 1.0
    given = {
        "root_pos_w": reference.root_pos_w + 0.05 * unit[:, :3],
        "root_quat_w": reference.root_quat_w,
        "root_lin_vel_w": reference.root_lin_vel_w + 0.5 * unit[:, 3:6],
        "root_ang_vel_w": reference.root_ang_vel_w + 0.5 * unit[:, :3],
        "joint_pos": reference.joint_pos + 0.1 * unit[:, 6 : 6 + env.num_actions],
        "joint_vel": reference.joint_vel + 0.5 * unit[:, 6 + env.num_actions :],
    }
    arrays |= {f"given/{name}": value.numpy() for name, value in given.items()}

    def start(state):
        for name, value in given.items():
            setattr(state, name, value)
        env.physics.write(torch.arange(NUM_STATES), state)
        return env.physics.read()

    arrays |= {f"states/{name}": value for name, value in states(env, start).items()}
    env = make(1, "task.action.mode=absolute")
    arrays |= {f"held/{name}": value for name, value in held(env, env.physics.write, env.physics.read).items()}
    np.savez_compressed(path, **arrays)
    leave_run(Path(path).parent / "from_mujoco")


def held(env, write, read) -> dict[str, np.ndarray]:
    """The robot over one second in which the default pose is held, a row each control step.

    Args:
        write: puts environments into start states. read: takes their state.
    """
    env.auto_reset = False
    everyone = torch.arange(1)
    write(everyone, default_start(env))
    env.task.observe(read())
    names = ("root_pos_w", "joint_pos", "joint_torque", "foot_force", "undesired_contact")
    rows: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for _ in range(50):
        env.step(torch.zeros(1, env.num_actions))
        for name in names:
            rows[name].append(getattr(env.task.robot, name)[0].numpy().copy())
    return {name: np.array(values) for name, values in rows.items()}


def default_start(env):
    """The default pose at rest, soles on the ground."""
    state = env.library.at(torch.zeros(1, dtype=torch.long), torch.zeros(1, dtype=torch.long))
    e = env.embodiment
    state.root_pos_w = torch.tensor([[0.0, 0.0, e.default_root_height]])
    state.root_quat_w = torch.tensor([[0.0, 0.0, 0.0, 1.0]])
    state.joint_pos = torch.as_tensor(e.default_joint_pos, dtype=torch.float32).unsqueeze(0)
    for name in ("root_lin_vel_w", "root_ang_vel_w", "joint_vel"):
        setattr(state, name, torch.zeros_like(getattr(state, name)))
    return state


if __name__ == "__main__":
    write(sys.argv[1])
