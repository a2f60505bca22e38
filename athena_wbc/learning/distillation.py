"""Routed DAgger (paper sec. 4.3, eq. 16): a student imitates the teacher of the motion that it tracks.

The student acts, so that it learns on the states that its own mistakes lead to. In every visited state the routed
teacher says what its action mean would be, from its privileged observations; the student regresses on that from its
deployable ones. The student is an actor as PPO's, in the same layout, so that evaluation and fine-tuning read it.
"""

from __future__ import annotations

import math

import torch
from rsl_rl.env import VecEnv
from rsl_rl.storage import RolloutStorage
from rsl_rl.utils import reduce_gradients_in_buckets
from tensordict import TensorDict
from torch.nn.utils import clip_grad_norm_

from athena_wbc.errors import AthenaError
from athena_wbc.learning.aggregate import Aggregate
from athena_wbc.learning.config import COMMAND_BASE, PPOConfig, needs_command_base, validate
from athena_wbc.learning.finite import SkippedSteps, all_finite
from athena_wbc.learning.models import FlatMLP, build_actor, matmul_precision
from athena_wbc.learning.regularisers import build_regulariser
from athena_wbc.learning.teachers import RoutedTeachers

_BUCKET_MB = 25.0


def distillation_loss(mean: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """Eq. 16 without its mean over samples: squared distance (...,) of action means (..., A)."""
    return (mean - label).square().sum(dim=-1)


class Distillation:
    """DAgger with routed teachers: the algorithm of a student's training.

    Args:
        actor: the student.
        teachers: label the environment's present states.
        storage: of training type ``distillation``, with the student's observation groups.
        config: networks, loop, and ``config.distillation``.
        device: of the networks.
        multi_gpu_cfg: place among several processes, as rsl_rl has it.
    """

    def __init__(
        self,
        actor: FlatMLP,
        teachers: RoutedTeachers,
        storage: RolloutStorage,
        config: PPOConfig,
        device: str = "cpu",
        multi_gpu_cfg: dict | None = None,
    ) -> None:
        self.actor = actor.to(device)
        self.config, self.device = config, device
        self._teachers = teachers
        self._storage = storage
        self._transition = RolloutStorage.Transition()
        steps = (storage.num_transitions_per_env, storage.num_envs)
        self._route = torch.zeros(steps, dtype=torch.long, device=device)
        self._loss = torch.zeros(steps, device=device)
        self._aggregate = Aggregate(
            config.distillation.aggregate_rollouts,
            storage.num_transitions_per_env * storage.num_envs,
            actor.obs_dim,
            storage.actions_shape[0],
            device,
        )
        self._world_size = multi_gpu_cfg["world_size"] if multi_gpu_cfg is not None else 1
        self.learning_rate = config.distillation.learning_rate
        fused = torch.device(device).type in ("cpu", "cuda")
        self.optimizer = torch.optim.Adam(actor.parameters(), lr=self.learning_rate, fused=fused)
        self.regulariser = build_regulariser(config.regulariser)
        self.skipped = SkippedSteps(config.max_nonfinite_steps, "a lower ppo.distillation.learning_rate")

    @classmethod
    def for_env(
        cls,
        env: VecEnv,
        config: PPOConfig,
        teachers: RoutedTeachers,
        device: str = "cpu",
        multi_gpu_cfg: dict | None = None,
    ) -> Distillation:
        """Build the student, the storage and the algorithm for the observations and actions of ``env``.

        Raises:
            AthenaError: a value that no run could use, or an observation group that ``env`` lacks.
        """
        validate(config)
        samples, parts = env.num_envs * config.num_steps_per_env, config.distillation.num_mini_batches
        if samples < parts:
            raise AthenaError(
                f"ppo.distillation.num_mini_batches: {parts} minibatches of {samples} samples hold less than one "
                "each; take fewer, or more environments"
            )
        observations = env.get_observations().to(device)
        actor = build_actor(observations, config, env.num_actions, device)
        groups = list(config.obs_groups["actor"])
        if needs_command_base(config, observations.keys()):
            groups.append(COMMAND_BASE)
        storage = RolloutStorage(
            "distillation",
            env.num_envs,
            config.num_steps_per_env,
            observations.select(*groups),
            [env.num_actions],
            device,
        )
        return cls(actor, teachers, storage, config, device, multi_gpu_cfg)

    def set_iteration(self, iteration: int) -> None:
        """Nothing here depends on how many iterations are done."""

    def train_mode(self) -> None:
        """Let the student's normaliser learn."""
        self.actor.train()

    def broadcast_parameters(self) -> None:
        """Give all processes the student of the first."""
        for tensor in self.actor.state_dict().values():
            torch.distributed.broadcast(tensor, src=0)

    @torch.no_grad()
    def act(self, obs: TensorDict) -> torch.Tensor:
        """Return the student's actions (N, A), and ask the routed teachers for theirs.

        ``obs`` are those of the environment's present states: routes are read from its task.
        """
        with matmul_precision(self.config.matmul_precision):
            output = self.actor.output(self.actor.inputs(obs))
        distribution = self.actor.distribution
        mean = actions = distribution.deterministic_output(output)
        if self.config.distillation.noise:
            distribution.update(output)
            actions = distribution.sample()
        labels, route = self._teachers(obs)
        step = self._storage.step
        self._route[step], self._loss[step] = route, distillation_loss(mean, labels)
        transition = self._transition
        transition.observations = obs.select(*self._storage.observations.keys())
        transition.actions, transition.privileged_actions = actions, labels
        return actions

    def process_env_step(
        self, obs: TensorDict, rewards: torch.Tensor, dones: torch.Tensor, extras: dict[str, torch.Tensor]
    ) -> None:
        """Store the step; no reward is learnt from."""
        self._transition.rewards, self._transition.dones = rewards, dones
        self._storage.add_transition(self._transition)
        self._transition.clear()

    def compute_returns(self, obs: TensorDict) -> None:
        """The labels are the targets; there are no returns."""

    def update(self) -> dict[str, float]:
        """Learn from the stored rollout and clear it.

        Returns:
            ``distillation``: mean loss of the visited states, before they were learnt from, and the same and the
            share of the states for each teacher that labelled some; ``fit``: mean loss of the minibatches; losses
            of a regulariser, gradient norm, learning rate and skipped steps.

        Raises:
            TrainingDiverged (:mod:`athena_wbc.learning.finite`): ``max_nonfinite_steps`` steps in a row were not
                finite.
        """
        storage, config = self._storage, self.config.distillation
        figures = self._visited()
        before = self.skipped.total
        observations = storage.observations.flatten(0, 1)
        with matmul_precision(self.config.matmul_precision):
            visited = torch.cat([observations[group] for group in self.config.obs_groups["actor"]], dim=-1)
            labels = storage.privileged_actions.flatten(0, 1)
            if all_finite([visited, labels], self._world_size > 1):
                self._aggregate.add(visited, labels)
                figures |= self._optimise(observations)
                # After the update, so that a rollout and the update on it see the same normalisation.
                self.actor.update_normalization(observations)
            else:
                steps = config.num_learning_epochs * config.num_mini_batches
                self.skipped.skip(steps, "an observation or a teacher's action is not finite")
        storage.clear()
        return figures | {
            "learning_rate": self.learning_rate,
            "skipped_steps": float(self.skipped.total - before),
        }

    def _visited(self) -> dict[str, float]:
        """Return loss and share of the visited states, over all and by teacher, with one host synchronisation."""
        names = self._teachers.names
        route, loss = self._route.flatten(), self._loss.flatten()
        sums = torch.zeros(2, len(names), device=self.device)
        sums.index_add_(1, route, torch.stack((loss, torch.ones_like(loss))))
        if self._world_size > 1:
            torch.distributed.all_reduce(sums)
        totals, counts = sums.tolist()
        figures = {"distillation": sum(totals) / sum(counts)}
        for name, total, count in zip(names, totals, counts, strict=True):
            if count:
                figures[f"distillation/loss_{name}"] = total / count
                figures[f"distillation/share_{name}"] = count / sum(counts)
        return figures

    def _optimise(self, observations: TensorDict) -> dict[str, float]:
        config = self.config.distillation
        size = len(observations) // config.num_mini_batches
        if self.regulariser is not None:
            with torch.no_grad():
                inputs = self.actor.inputs(observations)
            self.regulariser.prepare(inputs, self._storage.dones, observations.get(COMMAND_BASE, None), size)
        sums: dict[str, torch.Tensor] = {}
        for _ in range(config.num_learning_epochs):
            for index in self._aggregate.draw(size * config.num_mini_batches).split(size):
                self.optimizer.zero_grad(set_to_none=True)
                visited, labels = self._aggregate.rows(index)
                with torch.no_grad():
                    inputs = self.actor.obs_normalizer(visited)
                losses = {"fit": distillation_loss(self.actor.mean(inputs), labels).mean()}
                if self.regulariser is not None:
                    losses |= self.regulariser.losses(self.actor)
                sum(losses.values()).backward()
                norm = self._step()
                for name, value in (losses | {"actor_grad_norm": norm}).items():
                    sums[name] = sums.get(name, 0.0) + value.detach()
        steps = config.num_learning_epochs * config.num_mini_batches
        means = (torch.stack(list(sums.values())) / steps).tolist()
        return dict(zip(sums, means, strict=True))

    def _step(self) -> torch.Tensor:
        """Take an optimiser step unless a gradient is not finite; returns the gradient's norm before clipping."""
        if self._world_size > 1:
            reduce_gradients_in_buckets(self.actor.parameters(), self._world_size, _BUCKET_MB)
        norm = clip_grad_norm_(self.actor.parameters(), self.config.distillation.max_grad_norm)
        if math.isfinite(norm.item()):
            self.skipped.taken()
            for group in self.optimizer.param_groups:
                group["lr"] = self.learning_rate
            self.optimizer.step()
        else:
            self.skipped.skip(1, "a loss or gradient is not finite")
        return norm

    def clamp_learning_rate(self) -> None:
        """Take the configuration's learning rate, which may have changed since a checkpoint."""
        self.learning_rate = self.config.distillation.learning_rate

    def save(self) -> dict:
        """Return the state of student, normaliser and optimiser; the student in PPO's layout."""
        return {
            "actor_state_dict": self.actor.state_dict(),
            "optimizer_state_dict": self.optimizer.state_dict(),
            "learning_rate": self.learning_rate,
            "nonfinite_steps": self.skipped.total,
            "aggregate": self._aggregate.state(),
        }

    def load(self, loaded_dict: dict) -> None:
        """Take the state of :meth:`save`."""
        self.actor.load_state_dict(loaded_dict["actor_state_dict"])
        self.optimizer.load_state_dict(loaded_dict["optimizer_state_dict"])
        self.learning_rate = loaded_dict["learning_rate"]
        self.skipped.total = loaded_dict["nonfinite_steps"]
        self._aggregate.load(loaded_dict["aggregate"])
