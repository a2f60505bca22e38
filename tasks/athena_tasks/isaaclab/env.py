"""The tracking task as Isaac Lab's `DirectRLEnv`: its step calls the task's phases one by one.

There is no reward, observation or termination here: all are `athena_wbc.task`'s, the same as on the MuJoCo shell.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from isaaclab.envs import DirectRLEnv
from torch import Tensor

from athena_tasks.isaaclab.asset import check_names
from athena_tasks.isaaclab.backend import Backend
from athena_tasks.isaaclab.cfg import TrackingEnvCfg, task_config
from athena_wbc.config import Config
from athena_wbc.embodiment import get_embodiment
from athena_wbc.learning.train import build_library
from athena_wbc.motion.library import MotionLibrary
from athena_wbc.motion.reference import ReferenceState
from athena_wbc.task.state import RobotState
from athena_wbc.task.task import TrackingTask


class TrackingDirectEnv(DirectRLEnv):
    """N robots that track the clips of a library.

    Observations are `policy` and `critic`, as Isaac Lab wants them: the groups that the actor and the critic of
    `ppo.obs_groups` read, each concatenated. :attr:`groups_now` holds the task's groups by their own names.

    Args:
        cfg: Isaac Lab's configuration.
        render_mode: as Isaac Lab has it.
        config: our configuration, instead of the one that `cfg` composes.
        library: the corpus, instead of the one that `cfg.motions` names.
        groups: observation groups instead of the configuration's.
        training: whether curricula act; by default unless `cfg.play`.
    """

    cfg: TrackingEnvCfg

    def __init__(
        self,
        cfg: TrackingEnvCfg,
        render_mode: str | None = None,
        *,
        config: Config | None = None,
        library: MotionLibrary | None = None,
        groups: tuple[str, ...] | None = None,
        training: bool | None = None,
        **kwargs,
    ) -> None:
        self.config = config or task_config(cfg)
        device = cfg.sim.device
        self.embodiment = get_embodiment(self.config.robot)
        asset = Path(cfg.scene.robot.spawn.usd_path)
        # Of what lies on a server Isaac Lab speaks itself.
        if asset.is_file():
            check_names(asset, self.embodiment)
        if library is None:
            library = build_library(self.config, cfg.motions, device)
        self.library = library
        networks = self.config.ppo.obs_groups
        everything = tuple(groups or dict.fromkeys(name for names in networks.values() for name in names))
        self._parts = {
            "policy": [name for name in networks.get("actor", everything) if name in everything],
            "critic": [name for name in networks.get("critic", ()) if name in everything],
        }
        self.task = TrackingTask(
            self.config.task,
            self.embodiment,
            library,
            cfg.scene.num_envs,
            self.config.sim.control_dt,
            everything,
            device,
            self.config.seed if cfg.seed is None else cfg.seed,
            not cfg.play if training is None else training,
        )
        self._follow(cfg, everything)
        self.auto_reset = True
        self.num_broken = 0
        self._fresh: list[Tensor] = []
        super().__init__(cfg, render_mode, **kwargs)
        self.backend = Backend(self.embodiment, self.scene, self.sim)
        self.backend.write_body_parameters(self.task.randomisation.body_parameters(self.num_envs))
        self.broken = torch.zeros(self.num_envs, dtype=torch.bool, device=self.device)

    def _follow(self, cfg: TrackingEnvCfg, groups: tuple[str, ...]) -> None:
        """Set what Isaac Lab wants to know from our configuration: after Hydra, before anything is built."""
        cfg.sim.dt, cfg.decimation = self.config.sim.dt, self.config.sim.decimation
        cfg.sim.render_interval = cfg.decimation
        cfg.episode_length_s = self.config.task.termination.episode_length_s
        sizes = observation_sizes(self.config, self.library, groups)
        cfg.action_space = self.embodiment.num_joints
        cfg.observation_space = sum(sizes[name] for name in self._parts["policy"])
        cfg.state_space = sum(sizes[name] for name in self._parts["critic"])

    # --- the phases of a control step, in the order in which Isaac Lab calls them

    def _pre_physics_step(self, actions: Tensor) -> None:
        command = self.task.actions(actions)
        if command.push is not None:
            self.backend.push(command.push)
        self.target = command.target
        self.backend.apply(self.target)

    def _apply_action(self) -> None:
        """Nothing: Isaac Lab calls it before every physics step, and the targets stay for the whole control step."""

    def _get_dones(self) -> tuple[Tensor, Tensor]:
        last, self._robot = self._robot, self.backend.read()
        self.broken = self.backend.broken()
        broken = self.broken if self.broken.any() else None
        if broken is not None:
            # What is not finite must not reach the task; these environments end, and are written anew.
            self.num_broken += int(broken.sum())
            ids = broken.nonzero().squeeze(-1)
            self._robot.update(ids, last.select(ids))
        terminated, timed_out = self.task.dones(self._robot, broken)
        self.timed_out = timed_out
        if not self.auto_reset:
            return torch.zeros_like(terminated), torch.zeros_like(timed_out)
        return terminated, timed_out

    def _get_rewards(self) -> Tensor:
        return self.task.rewards()

    def _reset_idx(self, env_ids: Sequence[int]) -> None:
        ids = torch.as_tensor(env_ids, device=self.device).long()
        # Before any step there is no episode to close.
        if self._started():
            self.start(ids, *self.task.reset(ids))
        else:
            clip, step = self.task.sampler.sample(len(ids), self.task.generator)
            self.start(ids, *self.task.reset_to(ids, clip, step, noise=True))

    def start(self, ids: Tensor, start, parameters) -> None:
        """Put the environments `ids` (n,) into start states, with their physics parameters."""
        super()._reset_idx(ids.int())
        self.backend.write_parameters(ids, parameters)
        self.backend.write(ids, start)
        self._fresh.append(ids)

    def _get_observations(self) -> dict[str, Tensor]:
        self._take_starts()
        self.groups_now = self.task.observations(self._robot)
        named = {name: value for name, value in self.groups_now.items() if name not in ("policy", "critic")}
        return named | {
            name: torch.cat([self.groups_now[part] for part in parts], dim=-1)
            for name, parts in self._parts.items()
            if parts
        }

    def _take_starts(self) -> None:
        """Measure the environments that were written since the last observation."""
        if not self._fresh:
            return
        ids = torch.cat(self._fresh).unique()
        self._fresh.clear()
        state = self.backend.read_start(ids)
        if hasattr(self, "_robot"):
            self._robot.update(ids, state)
        else:
            self._robot = state

    def _started(self) -> bool:
        return self.common_step_counter > 0

    @property
    def step_counter(self) -> Tensor:
        """(N,) control steps since each episode's start, by the task's own counter.

        Isaac Lab's `episode_length_buf` is not it: rsl_rl shifts that one at the start of a training.
        """
        return self.task.episode_step


def observation_sizes(config: Config, library: MotionLibrary, groups: tuple[str, ...]) -> dict[str, int]:
    """Length of every observation group, from one imagined robot on the first frame of the corpus."""
    task = TrackingTask(
        config.task, library.embodiment, library, 1, config.sim.control_dt, groups, library.device, config.seed
    )
    zero = torch.zeros(1, dtype=torch.long, device=task.device)
    task.reset_to(zero, zero, zero, noise=False)
    robot = _replayed(library.at(zero, zero), len(library.embodiment.feet))
    return {name: value.shape[-1] for name, value in task.observations(robot).items()}


def _replayed(reference: ReferenceState, feet: int) -> RobotState:
    """A robot that is where its reference is, touching nothing."""
    joints = torch.zeros_like(reference.joint_pos)
    state = {name: getattr(reference, name) for name in reference.__dataclass_fields__}
    return RobotState(
        **state, joint_torque=joints, foot_force=joints.new_zeros(len(joints), feet), undesired_contact=joints[:, 0]
    )
