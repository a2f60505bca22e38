"""The environment without physics, as a student sees it: clips, a group of its own, teachers without training."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import torch
from tensordict import TensorDict

from athena_wbc.learning.checkpoint import Policy, action_interface
from athena_wbc.learning.config import PPOConfig
from athena_wbc.learning.models import build_actor, example_observations
from athena_wbc.learning.teachers import RoutedTeachers, TeacherBank
from tests.learning.fake_env import FakeEnv
from tests.learning.small import small_config

CLIPS = ("walk", "kick", "stand")


class TaughtEnv(FakeEnv):
    """Tracks one of three clips in every episode; the student sees the teacher's inputs without the last one."""

    def __init__(self, num_envs: int = 8, seed: int = 0, **options: object) -> None:
        super().__init__(num_envs, seed=seed, **options)
        clip = torch.randint(len(CLIPS), (num_envs,), generator=self.generator)
        self.task = SimpleNamespace(observation_schema=self.observation_schema, clip=clip)

    def observation_schema(self) -> dict[str, list[list]]:
        return super().observation_schema() | {"student": [["history", self.num_inputs - 1]]}

    def get_observations(self) -> TensorDict:
        observations = super().get_observations()
        observations["student"] = observations["teacher"][:, :-1].clone()
        return observations

    def step(self, actions: torch.Tensor) -> tuple[TensorDict, torch.Tensor, torch.Tensor, dict]:
        observations, rewards, dones, extras = super().step(actions)
        fresh = torch.randint(len(CLIPS), (self.num_envs,), generator=self.generator)
        self.task.clip = torch.where(dones, fresh, self.task.clip)
        return observations, rewards, dones, extras

    def state_dict(self) -> dict:
        return super().state_dict() | {"clip": self.task.clip.clone()}

    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict(state)
        self.task.clip = state["clip"].clone()


def student_config(**changes: object) -> PPOConfig:
    """A small student of the group ``student``."""
    config = small_config(algorithm="distillation", **changes)
    config.obs_groups = {"actor": ["student"], "teacher": ["teacher"], "critic": ["critic"]}
    config.distillation.num_learning_epochs = config.distillation.num_mini_batches = 2
    return config


def teacher_contents(env: FakeEnv, seed: int, hidden: list[int]) -> dict:
    """A checkpoint of a policy that was never trained, with a normaliser that does something."""
    torch.manual_seed(seed)
    config = small_config(actor__hidden_dims=hidden)
    actor = build_actor(example_observations(env.observation_schema()), config, env.num_actions, "cpu").train()
    shape = (40, env.num_inputs)
    actor.obs_normalizer.update(seed + 2.0 * torch.randn(shape))
    return {
        "version": 1,
        "library": "test",
        "iteration": seed,
        "robot": {"name": env.embodiment.name, "hash": env.embodiment.hash},
        "schema": env.observation_schema(),
        "action": action_interface(env.cfg),
        "config": {"ppo": dataclasses.asdict(config)},
        "run": {},
        "algorithm": {"actor_state_dict": actor.state_dict()},
    }


class Constant(Policy):
    """A teacher whose actions are all the same number; counts the states that it was asked about."""

    def __init__(self, value: float, num_actions: int = 3) -> None:
        self.value, self.num_actions, self.groups, self.asked = value, num_actions, ("teacher",), []

    def __call__(self, observations: TensorDict) -> torch.Tensor:
        self.asked.append(len(observations["teacher"]))
        return torch.full((len(observations["teacher"]), self.num_actions), self.value)


def constant_teachers(env: TaughtEnv, *values: float) -> RoutedTeachers:
    """Teachers ``t0``, ``t1``, ... of constant actions; clip m goes to teacher m, or the last."""
    bank = TeacherBank({f"t{number}": Constant(value) for number, value in enumerate(values)}, env.num_actions)
    return RoutedTeachers(bank, torch.arange(len(CLIPS)).clamp(max=len(values) - 1), env)
