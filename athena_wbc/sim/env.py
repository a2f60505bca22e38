"""The tracking task on MuJoCo, as the vectorised environment that rsl_rl trains on."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import torch
from rsl_rl.env import VecEnv
from tensordict import TensorDict
from torch import Tensor

from athena_wbc.embodiment import Embodiment
from athena_wbc.motion.library import MotionLibrary
from athena_wbc.sim.physics import Physics
from athena_wbc.task.config import RandomisationConfig
from athena_wbc.task.task import TrackingTask

if TYPE_CHECKING:
    # The run's configuration joins the parts of all layers, those above this one too.
    from athena_wbc.config import Config


def _no_autograd(method):
    """Run a method without gradients, and outside of inference mode: what is made there cannot be changed later."""

    @functools.wraps(method)
    def run(*args, **kwargs):
        with torch.inference_mode(False), torch.no_grad():
            return method(*args, **kwargs)

    return run


class TrackingEnv(VecEnv):
    """N robots that track the clips of a library.

    Args:
        config: of the run; `config.ppo.obs_groups` says which observation groups are computed.
        library: the corpus, on `device`, at this simulation's control step.
        num_envs: N.
        device: where the task computes; MuJoCo itself computes on the CPU.
        seed: of everything that is drawn.
        groups: observation groups instead of the configuration's.
        training: whether curricula act. Without it, as in evaluation, gravity is nominal.

    Attributes:
        auto_reset: whether `step` ends and restarts episodes. Evaluation switches it off: then nothing ends, and the
            reference holds its last frame when a clip is over.
    """

    @_no_autograd
    def __init__(
        self,
        config: Config,
        library: MotionLibrary,
        num_envs: int,
        device: str | torch.device = "cpu",
        seed: int = 0,
        groups: tuple[str, ...] | None = None,
        training: bool = False,
    ) -> None:
        self.cfg = config
        self.library = library
        self.embodiment: Embodiment = library.embodiment
        self.num_envs = num_envs
        self.num_actions = self.embodiment.num_joints
        self.device = torch.device(device)
        self.auto_reset = True
        self.broken = torch.zeros(num_envs, dtype=torch.bool, device=self.device)
        """(N,) simulations that failed in the last step."""
        self.num_broken = 0
        """Simulations that failed since the environment was made."""
        curriculum = training and config.task.gravity_curriculum.mode != "none"
        randomised = curriculum or config.task.randomisation != RandomisationConfig()
        self.physics = Physics(self.embodiment, config.sim, num_envs, randomised, self.device)
        names = dict.fromkeys(name for group in config.ppo.obs_groups.values() for name in group)
        self.task = TrackingTask(
            config.task,
            self.embodiment,
            library,
            num_envs,
            config.sim.control_dt,
            tuple(groups or names),
            self.device,
            seed,
            training,
        )
        self.physics.write_body_parameters(self.task.randomisation.body_parameters(num_envs))
        self.max_episode_length = max(1, round(config.task.termination.episode_length_s / config.sim.control_dt))
        everyone = torch.arange(num_envs, device=self.device)
        clip, step = self.task.sampler.sample(num_envs, self.task.generator)
        self._write(everyone, *self.task.reset_to(everyone, clip, step, noise=True))
        self._robot = self.physics.read()
        self._observations = self._observe()

    @property
    def episode_length_buf(self) -> Tensor:
        """(N,) control steps since each episode's start."""
        return self.task.episode_step

    @episode_length_buf.setter
    def episode_length_buf(self, value: Tensor) -> None:
        # rsl_rl shifts this counter to spread the first resets; clip time has a counter of its own.
        self.task.episode_step = value

    def get_observations(self) -> TensorDict:
        """Observations of the present state; asking again draws no new noise."""
        return self._observations

    @_no_autograd
    def step(self, actions: Tensor) -> tuple[TensorDict, Tensor, Tensor, dict]:
        """One control step of all environments.

        Args:
            actions: (N, J) policy outputs.

        Returns:
            observations, rewards (N,), dones (N,) and extras with `time_outs` (N,).
        """
        self.broken = self.physics.step(self.task.actions(actions))
        self._robot = self.physics.read()
        broken = self.broken if self.broken.any() else None
        terminated, timed_out = self.task.dones(self._robot, broken)
        rewards = self.task.rewards()
        if broken is not None:
            self.num_broken += int(broken.sum())
        if self.auto_reset:
            dones = terminated | timed_out
            ids = dones.nonzero().squeeze(-1)
            if len(ids):
                self._write(ids, *self.task.reset(ids))
                self._robot.update(ids, self.physics.read(ids))
        else:
            dones = torch.zeros_like(terminated)
        self._observations = self._observe()
        return self._observations, rewards, dones, {"time_outs": timed_out}

    @_no_autograd
    def reset_to(self, env_ids: Tensor, clips: Tensor, steps: Tensor, noise: bool = False) -> TensorDict:
        """Start the environments `env_ids` (n,) at control steps (n,) of clips (n,); returns all observations.

        The other environments are measured once more: their histories move on by one, noise is drawn anew.
        """
        self._write(env_ids, *self.task.reset_to(env_ids, clips, steps, noise))
        self._robot.update(env_ids, self.physics.read(env_ids))
        self._observations = self._observe()
        return self._observations

    def pop_log(self) -> dict[str, float]:
        """What :meth:`TrackingTask.pop_log` tells, and the count of failed simulations."""
        return self.task.pop_log() | {"simulation/broken": float(self.num_broken)}

    def state_dict(self) -> dict:
        """All that an exact continuation needs."""
        return {
            "task": self.task.state_dict(),
            "physics": self.physics.state_dict(),
            "observations": dict(self._observations.items()),
            "joint_torque": self._robot.joint_torque.clone(),
            "foot_force": self._robot.foot_force.clone(),
            "undesired_contact": self._robot.undesired_contact.clone(),
            "num_broken": self.num_broken,
        }

    @_no_autograd
    def load_state_dict(self, state: dict) -> None:
        """Continue where `state_dict` was taken."""
        self.task.load_state_dict(state["task"])
        self.physics.load_state_dict(state["physics"])
        self._robot = self.physics.read()
        # Torques and contact forces belong to the last physics step, which a restored state has not seen.
        for key in ("joint_torque", "foot_force", "undesired_contact"):
            getattr(self._robot, key).copy_(state[key])
        self.task.observe(self._robot)
        self._observations = TensorDict(dict(state["observations"]), batch_size=[self.num_envs], device=self.device)
        self.num_broken = state["num_broken"]

    def close(self) -> None:
        """Free the simulations."""
        del self.physics

    def _write(self, ids, start, parameters) -> None:
        self.physics.write_parameters(ids, parameters)
        self.physics.write(ids, start)

    def _observe(self) -> TensorDict:
        groups = self.task.observations(self._robot)
        return TensorDict(groups, batch_size=[self.num_envs], device=self.device)
