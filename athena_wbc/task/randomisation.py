"""Domain randomisation: what is drawn, for whom and when. A shell writes the physical part into its simulator."""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import Tensor

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.task.checks import check_half_widths
from athena_wbc.task.config import RandomisationConfig
from athena_wbc.task.state import Push

_RANGES = (
    "friction",
    "mass",
    "com",
    "stiffness",
    "damping",
    "joint_default",
    "encoder_bias",
    "delay_steps",
    "gravity",
    "push_interval_s",
)
_POSITIVE = ("friction", "mass", "stiffness", "damping", "push_interval_s")


@dataclasses.dataclass
class BodyParameters:
    """Drawn once for each environment: constants of the simulator depend on them. None where not randomised."""

    mass: Tensor | None
    """(N, B) factor of each body's mass and inertia."""
    com: Tensor | None
    """(N, 3) offset of the heaviest body's centre of mass, m."""


@dataclasses.dataclass
class PhysicsParameters:
    """Drawn at every reset, for n environments. None where not randomised."""

    friction: Tensor | None
    """(n,) sliding friction of the soles."""
    stiffness: Tensor | None
    """(n, J) factor."""
    damping: Tensor | None
    """(n, J) factor."""
    gravity: Tensor | None
    """(n,) factor; the task multiplies the gravity curriculum's in, and sets it alone where nothing is drawn."""


class Randomisation:
    """Draws and keeps the randomised quantities of N environments.

    Those that need no simulator (calibration, encoder bias, delay, pushes) act in the task itself.
    """

    def __init__(
        self,
        config: RandomisationConfig,
        embodiment: Embodiment,
        num_envs: int,
        control_dt: float,
        device: torch.device,
        generator: torch.Generator,
    ) -> None:
        for key in _RANGES:
            _check_range(key, getattr(config, key))
        for key in ("push_lin_vel", "push_ang_vel"):
            check_half_widths(f"task.randomisation.{key}", getattr(config, key))
        self.config = config
        self.control_dt = control_dt
        self._generator = generator
        self._joints = embodiment.num_joints
        self._bodies = len(embodiment.body_names)
        self._device = device
        self.joint_default = torch.zeros(num_envs, self._joints, device=device)
        self.encoder_bias = torch.zeros(num_envs, self._joints, device=device)
        self.delay = torch.zeros(num_envs, dtype=torch.long, device=device)
        self.steps_to_push = torch.zeros(num_envs, dtype=torch.long, device=device)
        self.gravity = torch.ones(num_envs, device=device)
        """(N,) factor of gravity that holds now, the curriculum's included."""
        if config.push_interval_s:
            self._schedule_pushes(torch.arange(num_envs, device=device))

    def reseed(self, seed: int) -> None:
        """Draw from a generator of its own from now on: the same dynamics whatever else the task draws.

        Observation noise takes as many numbers as a policy observes, so two policies on the task's one generator
        would meet different robots.
        """
        self._generator = torch.Generator(device=self._device).manual_seed(seed)

    @property
    def max_delay(self) -> int:
        """Longest delay of a joint target, control steps."""
        return self.config.delay_steps[1] if self.config.delay_steps else 0

    def body_parameters(self, num_envs: int) -> BodyParameters:
        """Draw what holds for the whole life of an environment."""
        return BodyParameters(
            mass=self._draw(self.config.mass, num_envs, self._bodies),
            com=self._draw(self.config.com, num_envs, 3),
        )

    def reset(self, ids: Tensor) -> PhysicsParameters:
        """Draw anew for the environments `ids` (n,)."""
        n, c = len(ids), self.config
        for key in ("joint_default", "encoder_bias"):
            drawn = self._draw(getattr(c, key), n, self._joints)
            if drawn is not None:
                getattr(self, key)[ids] = drawn
        if c.delay_steps:
            low, high = c.delay_steps
            self.delay[ids] = torch.randint(low, high + 1, (n,), device=self._device, generator=self._generator)
        if c.push_interval_s:
            self._schedule_pushes(ids)
        gravity = self._draw(c.gravity, n)
        if gravity is not None:
            self.gravity[ids] = gravity
        return PhysicsParameters(
            friction=self._draw(c.friction, n),
            stiffness=self._draw(c.stiffness, n, self._joints),
            damping=self._draw(c.damping, n, self._joints),
            gravity=gravity,
        )

    def push(self) -> Push | None:
        """Count down one control step; the pushes that are due."""
        if not self.config.push_interval_s:
            return None
        self.steps_to_push -= 1
        ids = (self.steps_to_push <= 0).nonzero().squeeze(-1)
        if len(ids) == 0:
            return None
        self._schedule_pushes(ids)
        return Push(
            ids,
            self._symmetric(self.config.push_lin_vel, ids),
            self._symmetric(self.config.push_ang_vel, ids),
        )

    def state_dict(self) -> dict[str, Tensor]:
        return {key: getattr(self, key).clone() for key in _STATE}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        for key in _STATE:
            getattr(self, key).copy_(state[key])

    def _schedule_pushes(self, ids: Tensor) -> None:
        interval = self._draw(self.config.push_interval_s, len(ids))
        self.steps_to_push[ids] = (interval / self.control_dt).round().long().clamp(min=1)

    def _symmetric(self, half_widths: list[float], ids: Tensor) -> Tensor:
        width = torch.tensor(half_widths, device=self._device)
        unit = torch.rand(len(ids), 3, device=self._device, generator=self._generator)
        return (2.0 * unit - 1.0) * width

    def _draw(self, bounds: list[float], *shape: int) -> Tensor | None:
        if not bounds:
            return None
        unit = torch.rand(*shape, device=self._device, generator=self._generator)
        return bounds[0] + (bounds[1] - bounds[0]) * unit


_STATE = ("joint_default", "encoder_bias", "delay", "steps_to_push", "gravity")


def _check_range(key: str, bounds: list) -> None:
    where = f"task.randomisation.{key}"
    if bounds and not (len(bounds) == 2 and -math.inf < bounds[0] <= bounds[1] < math.inf):
        raise AthenaError(f"{where}: is {list(bounds)}; give [low, high], or [] to leave it alone")
    if bounds and key in _POSITIVE and bounds[0] <= 0.0:
        raise AthenaError(f"{where}: is {list(bounds)}; the lower end must be positive")
    if bounds and key == "delay_steps" and bounds[0] < 0:
        raise AthenaError(f"{where}: is {list(bounds)}; a delay cannot be negative")
