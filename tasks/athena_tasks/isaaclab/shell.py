"""The Isaac Lab environment behind the interface of the MuJoCo shell: what learning and evaluation run on."""

from __future__ import annotations

import torch
from rsl_rl.env import VecEnv
from tensordict import TensorDict
from torch import Tensor

from athena_tasks.isaaclab import launch
from athena_wbc.config import Config
from athena_wbc.motion.library import MotionLibrary


class IsaacLabEnv(VecEnv):
    """N robots that track the clips of a library, simulated by Isaac Lab.

    Arguments and behaviour are those of :class:`athena_wbc.sim.env.TrackingEnv`, save that the simulation's own state
    is not in `state_dict`: after a resume episodes restart, sampler and curriculum go on.
    """

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
        launch.check_installation()
        from isaaclab.sim import SimulationContext

        from athena_tasks.isaaclab.cfg import TrackingEnvCfg, set_scene
        from athena_tasks.isaaclab.env import TrackingDirectEnv

        cfg = TrackingEnvCfg(robot=config.robot, seed=seed)
        cfg.scene.num_envs = num_envs
        cfg.sim.device = str(device)
        cfg.sim.physics = launch.physics_cfg(cfg.sim.physics)
        set_scene(cfg.scene, library.embodiment)
        self.cfg = config
        self.library = library
        self.embodiment = library.embodiment
        self.num_envs = num_envs
        self.num_actions = self.embodiment.num_joints
        self.device = torch.device(device)
        try:
            with torch.inference_mode(False), torch.no_grad(), launch.quiet():
                self.env = TrackingDirectEnv(cfg, config=config, library=library, groups=groups, training=training)
                self.env.reset()
        except BaseException:
            # A half-made environment would bar the way to every later one in this process.
            if SimulationContext.instance() is not None:
                SimulationContext.instance().clear_instance()
            raise
        self.task = self.env.task
        self.max_episode_length = max(1, round(config.task.termination.episode_length_s / config.sim.control_dt))

    @property
    def auto_reset(self) -> bool:
        """Whether `step` ends and restarts episodes."""
        return self.env.auto_reset

    @auto_reset.setter
    def auto_reset(self, value: bool) -> None:
        self.env.auto_reset = value

    @property
    def broken(self) -> Tensor:
        """(N,) simulations that failed in the last step."""
        return self.env.broken

    @property
    def num_broken(self) -> int:
        """Simulations that failed since the environment was made."""
        return self.env.num_broken

    @property
    def episode_length_buf(self) -> Tensor:
        """(N,) control steps since each episode's start."""
        return self.task.episode_step

    @episode_length_buf.setter
    def episode_length_buf(self, value: Tensor) -> None:
        self.task.episode_step = value

    def get_observations(self) -> TensorDict:
        """Observations of the present state; asking again draws no new noise."""
        return TensorDict(dict(self.env.groups_now), batch_size=[self.num_envs], device=self.device)

    def step(self, actions: Tensor) -> tuple[TensorDict, Tensor, Tensor, dict]:
        """One control step of all environments; returns as :meth:`athena_wbc.sim.env.TrackingEnv.step`."""
        with torch.inference_mode(False), torch.no_grad():
            _, rewards, terminated, truncated, _ = self.env.step(actions.detach().clone())
            dones = (terminated | truncated).clone()
            return self.get_observations(), rewards, dones, {"time_outs": self.env.timed_out.clone()}

    def reset_to(self, env_ids: Tensor, clips: Tensor, steps: Tensor, noise: bool = False) -> TensorDict:
        """Start the environments `env_ids` (n,) at control steps (n,) of clips (n,); returns all observations."""
        with torch.inference_mode(False), torch.no_grad():
            self.env.start(env_ids, *self.task.reset_to(env_ids, clips, steps, noise))
            self.env.obs_buf = self.env._get_observations()
            return self.get_observations()

    def pop_log(self) -> dict[str, float]:
        """What :meth:`TrackingTask.pop_log` tells, and the count of failed simulations."""
        return self.task.pop_log() | {"simulation/broken": float(self.num_broken)}

    def state_dict(self) -> dict:
        """What outlives a resume: sampler and curriculum."""
        return {"simulator": "isaaclab", "task": self.task.progress_state()}

    def close(self) -> None:
        """Free the simulation, so that another environment can be made in this process."""
        self.env.close()
