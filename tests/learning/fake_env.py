"""A small deterministic environment without physics, for tests of learning."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from rsl_rl.env import VecEnv
from tensordict import TensorDict

from athena_wbc.sim.config import SimConfig
from athena_wbc.task.config import ActionConfig


class FakeEnv(VecEnv):
    """Each environment holds a drifting target; the reward is high where the action comes near to it.

    Episodes end at random (terminated) and by time. All randomness comes from the environment's own
    generator, whose state is part of :meth:`state_dict`, as the real environment's is.
    """

    def __init__(
        self,
        num_envs: int = 8,
        num_inputs: int = 6,
        num_actions: int = 3,
        seed: int = 0,
        robot_hash: str = "aaaa",
        end_probability: float = 0.1,
    ) -> None:
        self.num_envs, self.num_actions, self.device = num_envs, num_actions, "cpu"
        self.num_inputs = num_inputs
        self.max_episode_length = 12
        self.end_probability = end_probability
        self.cfg = SimpleNamespace(task=SimpleNamespace(action=ActionConfig()), sim=SimConfig())
        self.generator = torch.Generator().manual_seed(seed)
        mixing = torch.Generator().manual_seed(1234)
        self.mixing = torch.randn(num_actions, num_inputs, generator=mixing) / num_inputs**0.5
        self.target = self._normal(num_envs, num_actions)
        self.episode_length_buf = torch.zeros(num_envs, dtype=torch.long)
        self.embodiment = SimpleNamespace(name="fake", hash=robot_hash)
        self.task = SimpleNamespace(observation_schema=self.observation_schema)
        self.reward_sum = 0.0
        self.poison: str | None = None
        self.closed = False

    def _normal(self, *shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=self.generator)

    def observation_schema(self) -> dict[str, list[list]]:
        half = self.num_inputs // 2
        terms = [["target", half], ["history", self.num_inputs - half]]
        return {"teacher": terms, "critic": [["target", self.num_actions], ["time", 1]]}

    def get_observations(self) -> TensorDict:
        noise = 0.01 * self._normal(self.num_envs, self.num_inputs)
        time = self.episode_length_buf.float().unsqueeze(-1) / self.max_episode_length
        teacher = self.target @ self.mixing + noise
        if self.poison == "observation":
            teacher = teacher * float("nan")
        groups = {
            "teacher": teacher,
            "critic": torch.cat([self.target, time], dim=-1),
            "command_base": 0.5 * self.target,
        }
        return TensorDict(groups, batch_size=[self.num_envs])

    def step(self, actions: torch.Tensor) -> tuple[TensorDict, torch.Tensor, torch.Tensor, dict]:
        error = (actions - self.target).square().mean(dim=-1)
        rewards = torch.exp(-error)
        if self.poison == "reward":
            rewards = rewards * float("nan")
        self.episode_length_buf += 1
        ended = torch.rand(self.num_envs, generator=self.generator) < self.end_probability
        time_outs = (self.episode_length_buf >= self.max_episode_length) & ~ended
        dones = ended | time_outs
        drift = 0.1 * self._normal(self.num_envs, self.num_actions)
        fresh = self._normal(self.num_envs, self.num_actions)
        self.target = torch.where(dones.unsqueeze(-1), fresh, 0.95 * self.target + drift)
        self.episode_length_buf = torch.where(dones, 0, self.episode_length_buf)
        self.reward_sum += float(rewards.mean())
        return self.get_observations(), rewards, dones, {"time_outs": time_outs}

    def pop_log(self) -> dict[str, float]:
        figures = {"reward/total": self.reward_sum}
        self.reward_sum = 0.0
        return figures

    def state_dict(self) -> dict:
        return {
            "generator": self.generator.get_state(),
            "target": self.target.clone(),
            "episode_length": self.episode_length_buf.clone(),
            "reward_sum": self.reward_sum,
        }

    def load_state_dict(self, state: dict) -> None:
        self.generator.set_state(state["generator"])
        self.target = state["target"].clone()
        self.episode_length_buf = state["episode_length"].clone()
        self.reward_sum = state["reward_sum"]

    def close(self) -> None:
        self.closed = True
