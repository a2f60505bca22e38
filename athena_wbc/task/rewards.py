"""Reward terms in the four families of eq. 3: track, phys, effort, temp.

A term returns (N,) values. Tracking terms are exp(-error^2 / std^2) in [0, 1]; the others are magnitudes that a
negative weight turns into penalties. A recipe switches a whole family off with its factor.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch
from torch import Tensor

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError, suggest
from athena_wbc.motion.reference import ReferenceState
from athena_wbc.rotations import quat_apply, rotation_angle
from athena_wbc.task.actions import JointPositionAction
from athena_wbc.task.checks import check_positive
from athena_wbc.task.config import RewardConfig, RewardTerm
from athena_wbc.task.state import RobotState
from athena_wbc.task.tracking import TrackingErrors

FAMILIES = ("track", "phys", "effort", "temp")


@dataclasses.dataclass
class RewardView:
    """What terms can see of one control step."""

    robot: RobotState
    reference: ReferenceState
    errors: TrackingErrors
    actions: JointPositionAction
    previous_joint_vel: Tensor
    """(N, J) one control step ago."""
    previous_torque: Tensor
    """(N, J) one control step ago."""
    target: Tensor
    """(N, J) joint targets of the control step, as executed: late and offset where these are randomised, rad."""
    limits: Limits
    control_dt: float


class Limits:
    """Joint limits, gains and roles of a robot as tensors."""

    def __init__(self, embodiment: Embodiment, device: torch.device) -> None:
        def tensor(array):
            return torch.as_tensor(array, dtype=torch.float32, device=device)

        self.middle = tensor((embodiment.joint_lower + embodiment.joint_upper) / 2)
        self.half_range = tensor((embodiment.joint_upper - embodiment.joint_lower) / 2)
        self.velocity = tensor(embodiment.velocity_limit)
        self.effort = tensor(embodiment.effort_limit)
        self.stiffness = tensor(embodiment.stiffness)
        self.damping = tensor(embodiment.damping)
        self.feet = torch.tensor([embodiment.key_bodies.index(name) for name in embodiment.feet], device=device)
        ends = [embodiment.key_bodies.index(name) for name in embodiment.end_effectors]
        self.end_effectors = torch.tensor(ends, device=device)


@dataclasses.dataclass(frozen=True)
class TermSpec:
    """A registered term."""

    function: Callable[[RewardView, RewardTerm], Tensor]
    family: str


TERMS: dict[str, TermSpec] = {}


def _term(family: str):
    def register(function):
        TERMS[function.__name__] = TermSpec(function, family)
        return function

    return register


def _closeness(squared_error: Tensor, term: RewardTerm) -> Tensor:
    return torch.exp(-squared_error / term.std**2)


# --- track


@_term("track")
def root_pos(view: RewardView, term: RewardTerm) -> Tensor:
    """Root position in the world frame."""
    return _closeness((view.robot.root_pos_w - view.reference.root_pos_w).square().sum(-1), term)


@_term("track")
def root_ori(view: RewardView, term: RewardTerm) -> Tensor:
    """Root orientation, by the angle to the reference."""
    return _closeness(rotation_angle(view.robot.root_quat_w, view.reference.root_quat_w).square(), term)


@_term("track")
def body_pos(view: RewardView, term: RewardTerm) -> Tensor:
    """Key body positions against the anchored reference, mean of squares over bodies."""
    return _closeness(view.errors.body.square().mean(-1), term)


@_term("track")
def end_effector_pos(view: RewardView, term: RewardTerm) -> Tensor:
    """End effectors against the anchored reference, mean of squares."""
    return _closeness(view.errors.body[:, view.limits.end_effectors].square().mean(-1), term)


@_term("track")
def body_ori(view: RewardView, term: RewardTerm) -> Tensor:
    """Key body orientations against the anchored reference, mean of squared angles."""
    angle = rotation_angle(view.robot.body_quat_w, view.errors.anchored_quat_w)
    return _closeness(angle.square().mean(-1), term)


@_term("track")
def body_lin_vel(view: RewardView, term: RewardTerm) -> Tensor:
    """Key body velocities against the reference's, turned to the robot's heading."""
    reference = quat_apply(view.errors.turn.unsqueeze(1), view.reference.body_lin_vel_w)
    return _closeness((view.robot.body_lin_vel_w - reference).square().sum(-1).mean(-1), term)


@_term("track")
def body_ang_vel(view: RewardView, term: RewardTerm) -> Tensor:
    """Key body angular velocities against the reference's, turned to the robot's heading."""
    reference = quat_apply(view.errors.turn.unsqueeze(1), view.reference.body_ang_vel_w)
    return _closeness((view.robot.body_ang_vel_w - reference).square().sum(-1).mean(-1), term)


@_term("track")
def joint_pos(view: RewardView, term: RewardTerm) -> Tensor:
    """Joint positions, mean of squares."""
    return _closeness((view.robot.joint_pos - view.reference.joint_pos).square().mean(-1), term)


@_term("track")
def joint_vel(view: RewardView, term: RewardTerm) -> Tensor:
    """Joint velocities, mean of squares."""
    return _closeness((view.robot.joint_vel - view.reference.joint_vel).square().mean(-1), term)


# --- phys: feasibility


@_term("phys")
def joint_pos_limit(view: RewardView, term: RewardTerm) -> Tensor:
    """How far joints are beyond `threshold` of their half range, sum, rad."""
    beyond = (view.robot.joint_pos - view.limits.middle).abs() - term.threshold * view.limits.half_range
    return beyond.clamp(min=0.0).sum(-1)


@_term("phys")
def joint_vel_limit(view: RewardView, term: RewardTerm) -> Tensor:
    """Joint speeds beyond `threshold` of their limit, sum of shares of the limit."""
    return (view.robot.joint_vel.abs() / view.limits.velocity - term.threshold).clamp(min=0.0).sum(-1)


@_term("phys")
def torque_limit(view: RewardView, term: RewardTerm) -> Tensor:
    """Demanded torques beyond `threshold` of their limit, sum of shares of the limit.

    Demanded is what the nominal gains ask for at the end of the step, kp (target - q) - kd dq/dt. The torque that a
    simulator applies is cut to the limit already: it could never be more than 1 - `threshold` beyond.
    """
    limits, robot = view.limits, view.robot
    demanded = limits.stiffness * (view.target - robot.joint_pos) - limits.damping * robot.joint_vel
    return (demanded.abs() / limits.effort - term.threshold).clamp(min=0.0).sum(-1)


@_term("phys")
def foot_slip(view: RewardView, term: RewardTerm) -> Tensor:
    """Squared horizontal speed of the feet that carry more than `threshold` N, sum, (m/s)^2."""
    speed = view.robot.body_lin_vel_w[:, view.limits.feet, :2].square().sum(-1)
    return (speed * (view.robot.foot_force > term.threshold)).sum(-1)


@_term("phys")
def undesired_contact(view: RewardView, term: RewardTerm) -> Tensor:
    """1 where a body that should not touches the ground."""
    return view.robot.undesired_contact


# --- effort: actuation


@_term("effort")
def torque(view: RewardView, term: RewardTerm) -> Tensor:
    """Squared torques as shares of their limits, sum."""
    return (view.robot.joint_torque / view.limits.effort).square().sum(-1)


@_term("effort")
def energy(view: RewardView, term: RewardTerm) -> Tensor:
    """Absolute mechanical power, sum, W."""
    return (view.robot.joint_torque * view.robot.joint_vel).abs().sum(-1)


@_term("effort")
def joint_speed(view: RewardView, term: RewardTerm) -> Tensor:
    """Squared joint velocities, sum, (rad/s)^2."""
    return view.robot.joint_vel.square().sum(-1)


@_term("effort")
def joint_acc(view: RewardView, term: RewardTerm) -> Tensor:
    """Squared joint accelerations over a control step, sum, (rad/s^2)^2."""
    return ((view.robot.joint_vel - view.previous_joint_vel) / view.control_dt).square().sum(-1)


# --- temp: temporal control


@_term("temp")
def action_rate(view: RewardView, term: RewardTerm) -> Tensor:
    """||a[t] - a[t-1]||^2 of the policy's output."""
    return (view.actions.action - view.actions.previous).square().sum(-1)


@_term("temp")
def action_smoothness(view: RewardView, term: RewardTerm) -> Tensor:
    """||a[t] - 2 a[t-1] + a[t-2]||^2 of the policy's output."""
    a = view.actions
    return (a.action - 2.0 * a.previous + a.before_previous).square().sum(-1)


@_term("temp")
def torque_rate(view: RewardView, term: RewardTerm) -> Tensor:
    """Squared change of the torques in a control step as shares of their limits, sum."""
    return ((view.robot.joint_torque - view.previous_torque) / view.limits.effort).square().sum(-1)


class RewardSum:
    """The weighted sum of a recipe's terms, and the sums over each episode that are logged."""

    def __init__(self, config: RewardConfig, num_envs: int, control_dt: float, device: torch.device) -> None:
        for name in config.terms:
            if name not in TERMS:
                raise AthenaError(f"task.rewards.terms: {suggest(name, TERMS)}")
            check_positive(f"task.rewards.terms.{name}.std", config.terms[name].std)
        factor = {family: getattr(config, family) for family in FAMILIES}
        self.names = [n for n, term in config.terms.items() if term.weight * factor[TERMS[n].family] != 0.0]
        if not self.names:
            raise AthenaError("task.rewards.terms: no term has a weight; give at least one")
        self.families = [TERMS[name].family for name in self.names]
        self._terms = [config.terms[name] for name in self.names]
        weights = [
            term.weight * factor[family] * control_dt for term, family in zip(self._terms, self.families, strict=True)
        ]
        self._weights = torch.tensor(weights, device=device)
        self.episode_sums = torch.zeros(num_envs, len(self.names), device=device)
        """(N, terms) weighted sums since each episode's start."""

    def compute(self, view: RewardView) -> Tensor:
        """(N,) reward of the step."""
        values = [TERMS[name].function(view, term) for name, term in zip(self.names, self._terms, strict=True)]
        weighted = torch.stack(values, dim=-1) * self._weights
        self.episode_sums += weighted
        return weighted.sum(-1)
