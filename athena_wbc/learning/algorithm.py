"""What the training loop asks of an algorithm, and which one a configuration names."""

from __future__ import annotations

from typing import Protocol

import torch
from rsl_rl.env import VecEnv
from tensordict import TensorDict

from athena_wbc.errors import AthenaError
from athena_wbc.learning.config import PPOConfig
from athena_wbc.learning.distillation import Distillation
from athena_wbc.learning.models import FlatMLP
from athena_wbc.learning.ppo import AthenaPPO
from athena_wbc.learning.teachers import RoutedTeachers


class Algorithm(Protocol):
    """One iteration is: set_iteration, (act, process_env_step) for every control step, compute_returns, update."""

    actor: FlatMLP
    """The policy. Its state is ``save()["actor_state_dict"]``, which evaluation reads."""

    def set_iteration(self, iteration: int) -> None:
        """Say how many iterations are done, before the next."""

    def act(self, obs: TensorDict) -> torch.Tensor:
        """Return actions (N, A) for the environment's present observations."""

    def process_env_step(self, obs: TensorDict, rewards: torch.Tensor, dones: torch.Tensor, extras: dict) -> None:
        """Take in what the environment answered."""

    def compute_returns(self, obs: TensorDict) -> None:
        """Prepare the targets of the stored rollout; ``obs`` are those after its last step."""

    def update(self) -> dict[str, float]:
        """Learn from the rollout; returns figures. A name with a slash is logged as it is."""

    def train_mode(self) -> None:
        """Let networks and normalisers learn."""

    def broadcast_parameters(self) -> None:
        """Give all processes the first one's networks."""

    def clamp_learning_rate(self) -> None:
        """Bring a learning rate from a checkpoint in line with the configuration."""

    def save(self) -> dict:
        """Return the whole state as plain containers of tensors."""

    def load(self, loaded_dict: dict) -> object:
        """Take the state of :meth:`save`."""


def build_algorithm(
    env: VecEnv,
    config: PPOConfig,
    device: str = "cpu",
    multi_gpu_cfg: dict | None = None,
    teachers: RoutedTeachers | None = None,
) -> Algorithm:
    """Build the algorithm that ``config.algorithm`` names; a distillation needs ``teachers``."""
    if config.algorithm == "distillation":
        if teachers is None:
            raise AthenaError("ppo.algorithm: a distillation needs teachers; use athena distill --teacher NAME=RUN")
        return Distillation.for_env(env, config, teachers, device, multi_gpu_cfg)
    return AthenaPPO.for_env(env, config, device, multi_gpu_cfg)
