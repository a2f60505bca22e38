"""Observation terms, and the groups that recipes put together from them.

A term is a function of the `ObservationView` that returns (N, d). Vectors are given in the robot's root frame, or
in its heading frame (turned about the vertical only) where gravity's direction must stay visible.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch
from torch import Tensor

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.motion.library import MotionLibrary
from athena_wbc.motion.reference import GeneralisedState, ReferenceState
from athena_wbc.rotations import quat_apply_inverse, quat_conj, quat_heading, quat_mul, rotation_6d
from athena_wbc.task.checks import check_not_negative
from athena_wbc.task.config import ObservationGroup, ObservationTerm
from athena_wbc.task.state import RobotState
from athena_wbc.task.tracking import TrackingErrors


class ObservationView:
    """What terms can see of one control step; shared quantities are computed at most once."""

    def __init__(
        self,
        robot: RobotState,
        reference: ReferenceState,
        errors: TrackingErrors,
        library: MotionLibrary,
        clip: Tensor,
        step: Tensor,
        default_joint_pos: Tensor,
        last_action: Tensor,
        gravity: Tensor,
        weight: float,
    ) -> None:
        self.robot = robot
        self.reference = reference
        self.errors = errors
        self.default_joint_pos = default_joint_pos
        self.last_action = last_action
        self.gravity = gravity
        self.weight = weight
        self._library, self._clip, self._step = library, clip, step
        self._futures: dict[tuple[int, ...], GeneralisedState] = {}
        self._heading: Tensor | None = None

    @property
    def heading(self) -> Tensor:
        """(N, 4) heading of the robot's root."""
        if self._heading is None:
            self._heading = quat_heading(self.robot.root_quat_w)
        return self._heading

    def future(self, steps: tuple[int, ...]) -> GeneralisedState:
        """Reference at control steps ahead of now, (N, F, .); the clip's last step where it ends before."""
        if steps not in self._futures:
            ahead = self._step.unsqueeze(-1) + torch.tensor(steps, device=self._step.device)
            self._futures[steps] = self._library.generalised(self._clip, ahead)
        return self._futures[steps]

    def in_heading(self, vectors: Tensor) -> Tensor:
        """World vectors (N, K, 3) in the robot's heading frame, flattened to (N, 3 K)."""
        return quat_apply_inverse(self.heading.unsqueeze(1), vectors).flatten(1)


@dataclasses.dataclass(frozen=True)
class TermSpec:
    """A registered term."""

    function: Callable[[ObservationView, tuple[int, ...]], Tensor]
    encoder: bool
    """Whether the term reads joint encoders, so that an encoder bias shifts it."""
    reference: bool
    """Whether the term takes `steps`."""


TERMS: dict[str, TermSpec] = {}


def _term(encoder: bool = False, reference: bool = False):
    def register(function):
        TERMS[function.__name__] = TermSpec(function, encoder, reference)
        return function

    return register


# --- what a deployed robot measures


@_term()
def projected_gravity(view: ObservationView, steps: tuple[int, ...]) -> Tensor:
    """(N, 3) direction of gravity in the root frame, from the orientation: it is a unit vector at any gravity."""
    x, y, z, w = view.robot.root_quat_w.unbind(-1)
    return torch.stack((2.0 * (w * y - x * z), -2.0 * (y * z + w * x), 2.0 * (x * x + y * y) - 1.0), dim=-1)


@_term()
def base_ang_vel(view: ObservationView, steps: tuple[int, ...]) -> Tensor:
    """(N, 3) angular velocity of the root in its own frame, rad/s: the gyroscope."""
    return quat_apply_inverse(view.robot.root_quat_w, view.robot.root_ang_vel_w)


@_term(encoder=True)
def joint_pos(view: ObservationView, steps: tuple[int, ...]) -> Tensor:
    """(N, J) joint positions from the default pose, rad."""
    return view.robot.joint_pos - view.default_joint_pos


@_term()
def joint_vel(view: ObservationView, steps: tuple[int, ...]) -> Tensor:
    """(N, J) joint velocities, rad/s."""
    return view.robot.joint_vel


@_term()
def last_action(view: ObservationView, steps: tuple[int, ...]) -> Tensor:
    """(N, J) the policy's previous output."""
    return view.last_action


# --- the reference, which a deployed policy knows too


@_term(reference=True)
def reference_joint_pos(view: ObservationView, steps: tuple[int, ...]) -> Tensor:
    """(N, F J) reference joint positions from the default pose, rad."""
    return (view.future(steps).joint_pos - view.default_joint_pos).flatten(1)


@_term(reference=True)
def reference_joint_vel(view: ObservationView, steps: tuple[int, ...]) -> Tensor:
    """(N, F J) reference joint velocities, rad/s."""
    return view.future(steps).joint_vel.flatten(1)


@_term(reference=True)
def reference_orientation(view: ObservationView, steps: tuple[int, ...]) -> Tensor:
    """(N, 6 F) orientation of the reference's root seen from the robot's root: 6D of conj(q) q_ref."""
    future = view.future(steps).root_quat_w
    own = quat_conj(view.robot.root_quat_w).unsqueeze(1).expand_as(future)
    return rotation_6d(quat_mul(own, future)).flatten(1)


@_term(reference=True)
def reference_height(view: ObservationView, steps: tuple[int, ...]) -> Tensor:
    """(N, F) height of the reference's root, m."""
    return view.future(steps).root_pos_w[..., 2]


@_term(reference=True)
def reference_lin_vel(view: ObservationView, steps: tuple[int, ...]) -> Tensor:
    """(N, 3 F) velocity of the reference's root in the reference's own heading frame, m/s."""
    future = view.future(steps)
    return quat_apply_inverse(quat_heading(future.root_quat_w), future.root_lin_vel_w).flatten(1)


@_term(reference=True)
def reference_ang_vel(view: ObservationView, steps: tuple[int, ...]) -> Tensor:
    """(N, 3 F) angular velocity of the reference's root in the reference's own heading frame, rad/s."""
    future = view.future(steps)
    return quat_apply_inverse(quat_heading(future.root_quat_w), future.root_ang_vel_w).flatten(1)


# --- privileged: known in simulation only


@_term()
def base_lin_vel(view: ObservationView, steps: tuple[int, ...]) -> Tensor:
    """(N, 3) velocity of the root in its own frame, m/s."""
    return quat_apply_inverse(view.robot.root_quat_w, view.robot.root_lin_vel_w)


@_term()
def base_height(view: ObservationView, steps: tuple[int, ...]) -> Tensor:
    """(N, 1) height of the root, m."""
    return view.robot.root_pos_w[:, 2:3]


@_term()
def root_pos_error(view: ObservationView, steps: tuple[int, ...]) -> Tensor:
    """(N, 3) from the robot's root to the reference's in the world, given in the heading frame, m."""
    error = view.reference.root_pos_w - view.robot.root_pos_w
    return quat_apply_inverse(view.heading, error)


@_term()
def body_pos(view: ObservationView, steps: tuple[int, ...]) -> Tensor:
    """(N, 3 (K - 1)) key bodies from the root in the heading frame, m; the root itself is left out."""
    pos = view.robot.body_pos_w
    return view.in_heading(pos[:, 1:] - pos[:, :1])


@_term()
def body_ori(view: ObservationView, steps: tuple[int, ...]) -> Tensor:
    """(N, 6 K) orientations of the key bodies in the heading frame, 6D."""
    quat = view.robot.body_quat_w
    return rotation_6d(quat_mul(quat_conj(view.heading).unsqueeze(1).expand_as(quat), quat)).flatten(1)


@_term()
def body_lin_vel(view: ObservationView, steps: tuple[int, ...]) -> Tensor:
    """(N, 3 K) velocities of the key bodies in the heading frame, m/s."""
    return view.in_heading(view.robot.body_lin_vel_w)


@_term()
def body_ang_vel(view: ObservationView, steps: tuple[int, ...]) -> Tensor:
    """(N, 3 K) angular velocities of the key bodies in the heading frame, rad/s."""
    return view.in_heading(view.robot.body_ang_vel_w)


@_term()
def body_pos_error(view: ObservationView, steps: tuple[int, ...]) -> Tensor:
    """(N, 3 K) from the key bodies to the anchored reference, heading frame, m."""
    return view.in_heading(view.errors.anchored_pos_w - view.robot.body_pos_w)


@_term()
def body_ori_error(view: ObservationView, steps: tuple[int, ...]) -> Tensor:
    """(N, 6 K) orientation of the anchored reference seen from each key body, 6D."""
    return rotation_6d(quat_mul(quat_conj(view.robot.body_quat_w), view.errors.anchored_quat_w)).flatten(1)


@_term()
def body_lin_vel_error(view: ObservationView, steps: tuple[int, ...]) -> Tensor:
    """(N, 3 K) velocity of the reference's key bodies, turned to the robot's heading, minus the robot's, m/s."""
    return _velocity_error(view, view.reference.body_lin_vel_w, view.robot.body_lin_vel_w)


@_term()
def body_ang_vel_error(view: ObservationView, steps: tuple[int, ...]) -> Tensor:
    """(N, 3 K) the same for angular velocities, rad/s."""
    return _velocity_error(view, view.reference.body_ang_vel_w, view.robot.body_ang_vel_w)


@_term()
def reference_body_pos(view: ObservationView, steps: tuple[int, ...]) -> Tensor:
    """(N, 3 K) anchored reference key bodies from the robot's root, heading frame, m."""
    return view.in_heading(view.errors.anchored_pos_w - view.robot.body_pos_w[:, :1])


@_term()
def reference_body_ori(view: ObservationView, steps: tuple[int, ...]) -> Tensor:
    """(N, 6 K) orientations of the anchored reference key bodies in the heading frame, 6D."""
    quat = view.errors.anchored_quat_w
    return rotation_6d(quat_mul(quat_conj(view.heading).unsqueeze(1).expand_as(quat), quat)).flatten(1)


@_term()
def foot_force(view: ObservationView, steps: tuple[int, ...]) -> Tensor:
    """(N, F) vertical contact force of each foot as a share of the robot's weight."""
    return view.robot.foot_force / view.weight


@_term()
def gravity_scale(view: ObservationView, steps: tuple[int, ...]) -> Tensor:
    """(N, 1) factor of gravity in this environment: for the critic alone."""
    return view.gravity.unsqueeze(-1)


def _velocity_error(view: ObservationView, reference: Tensor, robot: Tensor) -> Tensor:
    # conj(robot heading) turn maps the reference's world frame into the robot's heading frame.
    into = quat_mul(quat_conj(view.errors.turn), view.heading).unsqueeze(1)
    return quat_apply_inverse(into, reference).flatten(1) - view.in_heading(robot)


class ObservationAssembler:
    """Builds one group's vector in every control step, and keeps its history.

    Noise is drawn once for each measurement, before it enters the history: a measurement keeps its noise as it ages.
    """

    def __init__(self, name: str, config: ObservationGroup, num_envs: int, device: torch.device) -> None:
        if not config.terms:
            raise AthenaError(f"task.observations.{name}: has no terms, and the recipe needs the group; add some")
        for index, term in enumerate(config.terms):
            _check_term(f"task.observations.{name}.terms[{index}]", term)
        self.name = name
        self.config = config
        self._num_envs = num_envs
        self._device = device
        self._noise: Tensor | None = None
        self._sizes: list[int] = []
        self._histories: dict[int, Tensor] = {}

    def schema(self) -> list[tuple[str, int]]:
        """(term with its steps and history, size) in order; known after the first `compute`."""
        terms = zip(group_terms(self.config), self.config.terms, self._sizes, strict=True)
        return [(name, size * term.history) for name, term, size in terms]

    def compute(
        self,
        values: Callable[[str, tuple[int, ...]], Tensor],
        encoder_bias: Tensor,
        fresh: Tensor,
        generator: torch.Generator,
    ) -> Tensor:
        """(N, D) vector of the group.

        Args:
            values: a term's clean value by name and steps.
            encoder_bias: (N, J).
            fresh: (N,) environments whose history starts anew with this measurement.
        """
        parts = [self._measure(term, values, encoder_bias) for term in self.config.terms]
        if not self._sizes:
            self._allocate(parts)
        now = torch.cat(parts, dim=-1)
        if self._noise is not None:
            unit = torch.rand(now.shape, device=self._device, generator=generator)
            now = torch.addcmul(now, unit.mul_(2.0).sub_(1.0), self._noise)
        if not self._histories:
            return now
        return torch.cat(list(self._with_history(now, fresh)), dim=-1)

    def state_dict(self) -> dict[str, Tensor]:
        return {str(index): history.clone() for index, history in self._histories.items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        for index, history in self._histories.items():
            history.copy_(state[str(index)])

    def _measure(
        self, term: ObservationTerm, values: Callable[[str, tuple[int, ...]], Tensor], encoder_bias: Tensor
    ) -> Tensor:
        value = values(term.term, tuple(term.steps))
        return value + encoder_bias if self.config.noise and TERMS[term.term].encoder else value

    def _allocate(self, parts: list[Tensor]) -> None:
        self._sizes = [part.shape[-1] for part in parts]
        amplitude = [term.noise for term in self.config.terms]
        if self.config.noise and any(amplitude):
            self._noise = torch.cat(
                [
                    torch.full((size,), width, device=self._device)
                    for size, width in zip(self._sizes, amplitude, strict=True)
                ]
            )
        for index, term in enumerate(self.config.terms):
            if term.history > 1:
                shape = (self._num_envs, term.history, self._sizes[index])
                self._histories[index] = torch.zeros(shape, device=self._device)

    def _with_history(self, now: Tensor, fresh: Tensor):
        for index, value in enumerate(now.split(self._sizes, dim=-1)):
            history = self._histories.get(index)
            if history is None:
                yield value
                continue
            latest = value.unsqueeze(1)
            history = torch.cat((history[:, 1:], latest), dim=1)
            history = torch.where(fresh.view(-1, 1, 1), latest, history)
            self._histories[index] = history
            yield history.flatten(1)


def group_terms(config: ObservationGroup) -> list[str]:
    """Terms of a group with their steps and histories, in order: for one robot they say what its vector means."""
    return [_describe(term) for term in config.terms]


def _describe(term: ObservationTerm) -> str:
    steps = "@" + ",".join(map(str, term.steps)) if term.steps else ""
    return f"{term.term}{steps}" + (f" x{term.history}" if term.history > 1 else "")


def _check_term(where: str, term: ObservationTerm) -> None:
    if term.term not in TERMS:
        raise AthenaError(f"{where}.term: {suggest(term.term, TERMS)}")
    if TERMS[term.term].reference and not term.steps:
        raise AthenaError(f"{where}.steps: '{term.term}' needs control steps ahead, such as [0, 5, 10]")
    if term.steps and not TERMS[term.term].reference:
        raise AthenaError(f"{where}.steps: '{term.term}' takes none; remove them")
    if term.history < 1:
        raise AthenaError(f"{where}.history: must be at least 1, is {term.history}")
    check_not_negative(f"{where}.noise", term.noise)
