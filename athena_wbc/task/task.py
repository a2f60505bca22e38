"""The tracking task of N environments, cut into the phases that a simulator's step calls one by one.

actions -> (the shell simulates) -> dones -> rewards -> reset(ids) -> (the shell writes) -> observations.
"""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import Tensor

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError, suggest
from athena_wbc.motion.library import MotionLibrary
from athena_wbc.motion.reference import GeneralisedState, ReferenceState
from athena_wbc.motion.streaming import StreamingLibrary
from athena_wbc.task.actions import JointPositionAction
from athena_wbc.task.config import COMMAND_BASE, TaskConfig
from athena_wbc.task.curriculum import GravityCurriculum, check_gravity_curriculum
from athena_wbc.task.log import EpisodeLog
from athena_wbc.task.observations import TERMS, ObservationAssembler, ObservationView
from athena_wbc.task.randomisation import PhysicsParameters, Randomisation
from athena_wbc.task.reset import ReferenceStart
from athena_wbc.task.rewards import Limits, RewardSum, RewardView
from athena_wbc.task.rotation import Rotation
from athena_wbc.task.sampler import AdaptiveSampler
from athena_wbc.task.state import JointCommand, RobotState
from athena_wbc.task.termination import TerminationView, check_termination, violations
from athena_wbc.task.tracking import TrackingErrors, tracking_errors

STANDARD_GRAVITY = 9.81
"""m/s^2; of the robot's weight, by which contact forces are normalised, and of the factors of gravity."""


class TrackingTask:
    """Everything of the task that no simulator needs to know.

    Args:
        config: the task.
        embodiment, library: the robot, and its corpus on `device`.
        num_envs: N.
        control_dt: time of one control step, s; the library's.
        groups: observation groups to compute, those that the recipe's networks read.
        seed: of all draws of the task.
        training: whether curricula act; without it every environment is at nominal gravity. It also lets the resident
            part of a corpus that does not fit change; without it, whoever resets asks the library for the clips.
    """

    def __init__(
        self,
        config: TaskConfig,
        embodiment: Embodiment,
        library: MotionLibrary,
        num_envs: int,
        control_dt: float,
        groups: tuple[str, ...],
        device: str | torch.device = "cpu",
        seed: int = 0,
        training: bool = False,
    ) -> None:
        check_termination(config.termination)
        check_gravity_curriculum(config.gravity_curriculum)
        if not math.isclose(control_dt, library.control_dt):
            raise ValueError(
                f"a control step of {control_dt:g} s does not fit the library's of {library.control_dt:g} s"
            )
        self.config = config
        self.embodiment = embodiment
        self.library = library
        self.num_envs = num_envs
        self.control_dt = control_dt
        self.device = torch.device(device)
        self.generator = torch.Generator(device=self.device).manual_seed(seed)
        self.randomisation = Randomisation(
            config.randomisation, embodiment, num_envs, control_dt, self.device, self.generator
        )
        self.gravity_curriculum: GravityCurriculum | None = None
        """None where gravity is nominal."""
        if training and config.gravity_curriculum.mode != "none":
            self.gravity_curriculum = GravityCurriculum(config.gravity_curriculum, num_envs, self.device)
        self.action = JointPositionAction(
            config.action, embodiment, num_envs, self.randomisation.max_delay, self.device
        )
        self.sampler = AdaptiveSampler(config.sampler, library.num_steps, control_dt)
        self.rotation: Rotation | None = None
        """None where the whole corpus is resident."""
        if isinstance(library, StreamingLibrary):
            self.rotation = Rotation(config.streaming, library, self.sampler, control_dt, self.generator)
        self._rotates = training and self.rotation is not None
        self.limits = Limits(embodiment, self.device)
        self.reward = RewardSum(config.rewards, num_envs, control_dt, self.device)
        self.start = ReferenceStart(config.reset, embodiment, self.device)
        self.log = EpisodeLog(self.reward.names, self.reward.families, self.device)
        self._groups = {name: self._assembler(name) for name in groups if name != COMMAND_BASE}
        self._gives_command_base = COMMAND_BASE in groups
        self._anchor = embodiment.key_bodies.index(embodiment.anchor)
        self._weight = embodiment.mass * STANDARD_GRAVITY
        self._episode_steps = max(1, round(config.termination.episode_length_s / control_dt))
        self.termination_scale = config.termination.scale
        """Factor of all termination limits: a curriculum's handle."""
        long = {"dtype": torch.long, "device": self.device}
        self.clip = torch.zeros(num_envs, **long)
        """(N,) clip that each environment tracks."""
        self.step = torch.zeros(num_envs, **long)
        """(N,) control step within the clip, of the present state. A counter of its own: episodes start anywhere."""
        self.episode_step = torch.zeros(num_envs, **long)
        """(N,) control steps since the episode's start."""
        self._fresh = torch.ones(num_envs, dtype=torch.bool, device=self.device)
        self._stale: list[Tensor] = []
        self._observed = False
        joints = (num_envs, embodiment.num_joints)
        self._previous_joint_vel = torch.zeros(joints, device=self.device)
        self._previous_torque = torch.zeros(joints, device=self.device)
        self.robot: RobotState
        """The present state: at the end of the last step, and where a reset was written since, the new start."""
        self.reference: ReferenceState
        """Reference at the time of `robot`."""
        self.errors: TrackingErrors
        """Errors of `robot` against `reference`."""

    # --- phases of a control step

    def actions(self, action: Tensor) -> JointCommand:
        """Joint targets and pushes for one control step from the policy's output (N, J)."""
        if not self._groups:
            raise AthenaError("task: no observation group is in use; name one in ppo.obs_groups")
        base = self._base()
        self._previous_joint_vel.copy_(self.robot.joint_vel)
        self._previous_torque.copy_(self.robot.joint_torque)
        target = self.action.apply(action, base, self.randomisation.delay, self.randomisation.joint_default)
        return JointCommand(target, self.randomisation.push())

    def dones(self, robot: RobotState, broken: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Advance the clips by one step, compare, score the sampler's bins, and end episodes.

        Args:
            robot: the state after the step.
            broken: (N,) environments whose simulation failed; they end, and score as far off.

        Returns:
            terminated and timed_out, (N,) bool; never both.
        """
        self.step += 1
        self.episode_step += 1
        self.observe(robot)
        last = self.library.num_steps[self.clip] - 1
        self.sampler.update(self.clip, torch.minimum(self.step, last), self.errors, broken)
        view = TerminationView(robot, self.reference, self.errors, self.limits)
        reasons = violations(view, self.config.termination, self.termination_scale)
        if broken is not None:
            reasons["broken_simulation"] = broken
        terminated = torch.stack(list(reasons.values())).any(0) if reasons else torch.zeros_like(self._fresh)
        timed_out = (self.step >= last) | (self.episode_step >= self._episode_steps)
        overdue = self.gravity_curriculum.overdue() if self.gravity_curriculum is not None else None
        if overdue is not None:
            timed_out |= overdue
        # Here, since the next use of the library is the reset, which all that have lost their clip go through.
        gone = self.rotation.step() if self.rotation is not None and self._rotates else None
        if gone is not None:
            timed_out |= gone[self.clip]
        timed_out &= ~terminated
        self._reasons = reasons
        self._broken = broken
        self._terminated, self._timed_out = terminated, timed_out
        return terminated, timed_out

    def rewards(self) -> Tensor:
        """(N,) reward of the step; zero where the simulation failed."""
        view = RewardView(
            self.robot,
            self.reference,
            self.errors,
            self.action,
            self._previous_joint_vel,
            self._previous_torque,
            self.limits,
            self.control_dt,
        )
        reward = self.reward.compute(view)
        if self._broken is not None:
            reward = torch.where(self._broken, torch.zeros_like(reward), reward)
            self.reward.episode_sums[self._broken] = 0.0
        return reward

    def reset(self, ids: Tensor) -> tuple[GeneralisedState, PhysicsParameters]:
        """Start new episodes in the environments `ids` (n,): draw clips, start steps and physics."""
        self.log.finish(
            ids,
            self.reward.episode_sums,
            self.episode_step,
            self._reasons,
            self._timed_out,
        )
        if self.gravity_curriculum is not None:
            self.gravity_curriculum.finish(ids, self.step[ids], self._timed_out[ids])
        clip, step = self.sampler.sample(len(ids), self.generator)
        return self.reset_to(ids, clip, step, noise=True)

    def reset_to(
        self, ids: Tensor, clip: Tensor, step: Tensor, noise: bool
    ) -> tuple[GeneralisedState, PhysicsParameters]:
        """The same at given clips and control steps (n,), with or without reset noise."""
        self.clip[ids], self.step[ids], self.episode_step[ids] = clip, step, 0
        self._fresh[ids] = True
        self._stale.append(ids)
        self.reward.episode_sums[ids] = 0.0
        self.action.reset(ids)
        physics = self.randomisation.reset(ids)
        if self.gravity_curriculum is not None:
            length = (self.library.num_steps[clip] - 1 - step).clamp(max=self._episode_steps)
            alpha = self.gravity_curriculum.start(ids, step, length)
            physics.gravity = alpha if physics.gravity is None else alpha * physics.gravity
            self.randomisation.gravity[ids] = physics.gravity
        reference: GeneralisedState = self.library.at(clip, step)
        return self.start.draw(reference, self.generator, noise), physics

    def observe(self, robot: RobotState) -> None:
        """Take a state as the present one: fetch its reference and compute the errors."""
        self._stale.clear()
        self._observed = True
        self.robot = robot
        self.reference = self.library.at(self.clip, self.step)
        self.errors = tracking_errors(robot, self.reference, self._anchor)

    def observations(self, robot: RobotState) -> dict[str, Tensor]:
        """(N, D) vector of every group in use.

        Args:
            robot: the present state, after resets were written.
        """
        self._refresh(robot)
        view = ObservationView(
            robot,
            self.reference,
            self.errors,
            self.library,
            self.clip,
            self.step,
            self.action.default,
            self.action.action,
            self.randomisation.gravity,
            self._weight,
        )
        memo: dict[tuple[str, tuple[int, ...]], Tensor] = {}

        def value(name: str, steps: tuple[int, ...]) -> Tensor:
            if (name, steps) not in memo:
                memo[name, steps] = TERMS[name].function(view, steps)
            return memo[name, steps]

        bias = self.randomisation.encoder_bias
        result = {name: group.compute(value, bias, self._fresh, self.generator) for name, group in self._groups.items()}
        if self._gives_command_base:
            result[COMMAND_BASE] = self.command_base()
        self._fresh.zero_()
        return result

    def _refresh(self, robot: RobotState) -> None:
        """Bring reference and errors up to date for the environments that were reset since `observe`."""
        if not self._observed or len(self._stale) > 1:
            self.observe(robot)
        elif self._stale:
            ids = self._stale.pop()
            reference = self.library.at(self.clip[ids], self.step[ids])
            self.reference.update(ids, reference)
            self.errors.update(ids, tracking_errors(robot.select(ids), reference, self._anchor))
        self.robot = robot

    # --- what others ask

    @property
    def command(self) -> Tensor:
        """(N, J) commanded joint target in action units, (target - default) / scale."""
        return self.action.command

    def command_base(self) -> Tensor:
        """(N, J) joint target in action units that an action of zero would command now: zero in absolute mode."""
        base = self._base()
        if base is None:
            return torch.zeros_like(self.action.command)
        return (base - self.action.default) / self.action.scale

    @property
    def last_action(self) -> Tensor:
        """(N, J) the policy's last output."""
        return self.action.action

    def set_progress(self, progress: float) -> None:
        """Take the share of training, in [0, 1], that will be done when the coming iteration ends."""
        if self.gravity_curriculum is not None:
            self.gravity_curriculum.set_progress(progress)

    def pop_log(self) -> dict[str, float]:
        """Means over the episodes that ended since the last call, and where curricula stand."""
        figures = self.gravity_curriculum.figures() if self.gravity_curriculum is not None else {}
        return self.log.pop() | figures

    def observation_schema(self) -> dict[str, list[tuple[str, int]]]:
        """Group -> [(term, size)], once observations were computed."""
        return {name: group.schema() for name, group in self._groups.items()}

    def state_dict(self) -> dict:
        """All that the task needs to go on exactly as if it had never stopped."""
        return {
            "clip": self.clip.clone(),
            "step": self.step.clone(),
            "episode_step": self.episode_step.clone(),
            "fresh": self._fresh.clone(),
            "episode_sums": self.reward.episode_sums.clone(),
            "termination_scale": self.termination_scale,
            "generator": self.generator.get_state(),
            "action": self.action.state_dict(),
            "randomisation": self.randomisation.state_dict(),
            "sampler": self.sampler.state_dict(),
            "groups": {name: group.state_dict() for name, group in self._groups.items()},
            "log": self.log.state_dict(),
            "rotation": None if self.rotation is None else self.rotation.state_dict(),
            "gravity_curriculum": None if self.gravity_curriculum is None else self.gravity_curriculum.state_dict(),
        }

    def progress_state(self) -> dict:
        """The part of `state_dict` that is learnt and not of an episode: sampler and curricula."""
        curriculum = self.gravity_curriculum
        return {
            "sampler": self.sampler.state_dict(),
            "gravity_curriculum": None if curriculum is None else curriculum.state_dict(),
            "termination_scale": self.termination_scale,
        }

    def load_progress(self, state: dict) -> None:
        """Take `progress_state`, or that part of a `state_dict`, over: episodes are left as they are."""
        self.sampler.load_state_dict(state["sampler"])
        self.termination_scale = state["termination_scale"]
        if self.gravity_curriculum is not None and state["gravity_curriculum"] is not None:
            self.gravity_curriculum.load_state_dict(state["gravity_curriculum"])

    def load_state_dict(self, state: dict) -> None:
        self.clip.copy_(state["clip"])
        self.step.copy_(state["step"])
        self.episode_step.copy_(state["episode_step"])
        self._fresh.copy_(state["fresh"])
        self.reward.episode_sums.copy_(state["episode_sums"])
        self.termination_scale = state["termination_scale"]
        self.generator.set_state(state["generator"])
        self.action.load_state_dict(state["action"])
        self.randomisation.load_state_dict(state["randomisation"])
        self.sampler.load_state_dict(state["sampler"])
        if self.rotation is not None:
            self.rotation.load_state_dict(state["rotation"])
        for name, group in self._groups.items():
            group.load_state_dict(state["groups"][name])
        self.log.load_state_dict(state["log"])
        if self.gravity_curriculum is not None:
            self.gravity_curriculum.load_state_dict(state["gravity_curriculum"])

    def _base(self) -> Tensor | None:
        """(N, J) pose that residual actions add to, rad; None for the default pose."""
        if self.config.action.mode != "residual":
            return None
        ahead = (self.step + self.config.action.lead_steps).unsqueeze(-1)
        return self.library.generalised(self.clip, ahead).joint_pos.squeeze(1)

    def _assembler(self, name: str) -> ObservationAssembler:
        known = [field.name for field in dataclasses.fields(self.config.observations)]
        if name not in known:
            raise AthenaError(f"ppo.obs_groups: group {suggest(name, known)}; groups are those of task.observations")
        return ObservationAssembler(name, getattr(self.config.observations, name), self.num_envs, self.device)
