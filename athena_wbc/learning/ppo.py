"""Proximal policy optimisation with auxiliary losses.

rsl_rl's :class:`~rsl_rl.algorithms.PPO` gives the rollout half (acting, storing, returns, state); its update
is one method without a hook, so the update here is our own. What differs from rsl_rl:

* the observations of an iteration are joined and normalised once, not in every minibatch;
* samples are shuffled anew in every epoch;
* actor and critic are separate groups of one Adam, each with a factor on the learning rate; a network whose
  factor is zero takes no part at all: no gradient, no optimiser state, no normaliser statistics;
* a regulariser on the action mean acts in every step;
* on a CPU the two networks learn side by side, each in a thread of its own;
* a step whose loss or gradient is not finite is skipped and counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from rsl_rl.algorithms import PPO
from rsl_rl.env import VecEnv
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict
from torch.nn.utils import clip_grad_norm_

from athena_wbc.errors import AthenaError
from athena_wbc.learning.config import COMMAND_BASE, PPOConfig, needs_command_base, validate
from athena_wbc.learning.finite import SkippedSteps, all_finite
from athena_wbc.learning.models import FlatMLP, build_actor, build_critic, matmul_precision
from athena_wbc.learning.regularisers import build_regulariser


@dataclass
class Samples:
    """The transitions of a rollout, one a row (B, .); observations are already inputs of the networks."""

    actor_inputs: torch.Tensor
    critic_inputs: torch.Tensor
    actions: torch.Tensor
    values: torch.Tensor
    returns: torch.Tensor
    advantages: torch.Tensor
    log_prob: torch.Tensor
    distribution: tuple[torch.Tensor, ...]


class AthenaPPO(PPO):
    """PPO whose update takes auxiliary losses; see the module's text for the differences from rsl_rl."""

    actor: FlatMLP
    critic: FlatMLP

    def __init__(
        self,
        actor: FlatMLP,
        critic: FlatMLP,
        storage: RolloutStorage,
        config: PPOConfig,
        device: str = "cpu",
        multi_gpu_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            actor,
            critic,
            storage,
            num_learning_epochs=config.num_learning_epochs,
            num_mini_batches=config.num_mini_batches,
            clip_param=config.clip_param,
            gamma=config.gamma,
            lam=config.lam,
            value_loss_coef=config.value_loss_coef,
            entropy_coef=config.entropy_coef,
            learning_rate=config.learning_rate,
            max_grad_norm=config.max_grad_norm,
            use_clipped_value_loss=config.use_clipped_value_loss,
            schedule=config.schedule,
            desired_kl=config.desired_kl,
            normalize_advantage_per_mini_batch=config.normalize_advantage_per_mini_batch,
            device=device,
            multi_gpu_cfg=multi_gpu_cfg,
        )
        self.config = config
        groups = [{"params": list(actor.parameters())}, {"params": list(critic.parameters())}]
        self.optimizer = torch.optim.Adam(
            groups, lr=config.learning_rate, fused=torch.device(device).type in ("cpu", "cuda")
        )
        self.regulariser = build_regulariser(config.regulariser)
        beside = config.update_threads > 1 and torch.device(device).type == "cpu"
        # The thread starts with its first job, and one intra-op thread: OpenMP's own threads spin while they
        # wait, which makes everything several times slower where the cores have other work.
        self._second_thread = ThreadPoolExecutor(1, "athena-critic", torch.set_num_threads, (1,)) if beside else None
        self.skipped = SkippedSteps(config.max_nonfinite_steps, "a lower ppo.learning_rate or ppo.max_learning_rate")
        self.set_iteration(0)

    @classmethod
    def for_env(
        cls, env: VecEnv, config: PPOConfig, device: str = "cpu", multi_gpu_cfg: dict | None = None
    ) -> AthenaPPO:
        """Build networks, storage and algorithm for the observations and actions of ``env``.

        Raises:
            AthenaError: a value that no run could use, or an observation group that ``env`` lacks.
        """
        validate(config)
        samples = env.num_envs * config.num_steps_per_env
        if samples < 2 * config.num_mini_batches:
            raise AthenaError(
                f"ppo.num_mini_batches: {config.num_mini_batches} minibatches of {samples} samples hold less than "
                "two each; take fewer, or more environments"
            )
        observations = env.get_observations().to(device)
        actor = build_actor(observations, config, env.num_actions, device)
        critic = build_critic(observations, config, device)
        needs_command_base(config, observations.keys())
        storage = RolloutStorage("rl", env.num_envs, config.num_steps_per_env, observations, [env.num_actions], device)
        return cls(actor, critic, storage, config, device, multi_gpu_cfg)

    def set_iteration(self, iteration: int) -> None:
        """Set how much the actor learns: nothing in the critic's warm-up, then linearly more up to all."""
        config = self.config
        done = iteration - config.critic_warmup_iterations
        share = 0.0 if done < 0 else min(1.0, (done + 1) / (config.actor_unfreeze_iterations + 1))
        self.actor_scale = share * config.actor.learning_rate_scale
        self.critic_scale = config.critic.learning_rate_scale

    def act(self, obs: TensorDict) -> torch.Tensor:
        """Sample actions (N, A) for the observations and remember the transition's first half."""
        with matmul_precision(self.config.matmul_precision):
            return super().act(obs)

    def compute_returns(self, obs: TensorDict) -> None:
        """Compute returns and advantages of the stored rollout; ``obs`` are those after its last step."""
        with matmul_precision(self.config.matmul_precision):
            super().compute_returns(obs)

    def update(self) -> dict[str, float]:
        """Learn from the stored rollout and clear it.

        Returns:
            Means over the minibatches: losses, KL divergence, entropy, share of clipped ratios, gradient
            norms; and the learning rate, explained variance and skipped steps.

        Raises:
            TrainingDiverged (:mod:`athena_wbc.learning.finite`): ``max_nonfinite_steps`` steps in a row were not
                finite.
        """
        with matmul_precision(self.config.matmul_precision):
            observations = self.storage.observations.flatten(0, 1)
            samples = self._samples(observations)
            skipped_before = self.skipped.total
            if self._inputs_finite(samples):
                figures = self._optimise(samples, observations)
                self._update_normalisers(observations)
            else:
                figures = {}
        figures["learning_rate"] = self.learning_rate
        figures["actor_scale"] = self.actor_scale
        figures["explained_variance"] = _explained_variance(samples.values, samples.returns)
        figures["skipped_steps"] = float(self.skipped.total - skipped_before)
        figures["action_std"] = float(self.actor.output_std.detach().mean())
        self.storage.clear()
        return figures

    def _samples(self, observations: TensorDict) -> Samples:
        stored = self.storage
        with torch.no_grad():
            return Samples(
                actor_inputs=self.actor.inputs(observations),
                critic_inputs=self.critic.inputs(observations),
                actions=stored.actions.flatten(0, 1),
                values=stored.values.flatten(),
                returns=stored.returns.flatten(),
                advantages=stored.advantages.flatten(),
                log_prob=stored.actions_log_prob.flatten(),
                distribution=tuple(part.flatten(0, 1) for part in stored.distribution_params),
            )

    def _optimise(self, samples: Samples, observations: TensorDict) -> dict[str, float]:
        """Run all epochs; one host synchronisation a minibatch (KL divergence and gradient norms)."""
        total = len(samples.actions)
        size = total // self.num_mini_batches
        if self.regulariser is not None and self.actor_scale > 0.0:
            base = observations.get(COMMAND_BASE, None)
            self.regulariser.prepare(samples.actor_inputs, self.storage.dones, base, size)
        sums: dict[str, torch.Tensor] = {}
        for _ in range(self.num_learning_epochs):
            order = torch.randperm(total, device=self.device)
            for rows in order[: size * self.num_mini_batches].split(size):
                self.optimizer.zero_grad(set_to_none=True)
                # The two networks share nothing, so their passes can run side by side.
                critic = self._beside(self._critic_gradients, samples, rows)
                figures = self._actor_gradients(samples, rows)
                figures |= critic()
                if self.is_multi_gpu:
                    self.reduce_parameters()
                figures |= self._step(figures["kl"])
                for name, value in figures.items():
                    sums[name] = sums.get(name, 0.0) + value.detach()
        steps = self.num_learning_epochs * self.num_mini_batches
        means = (torch.stack(list(sums.values())) / steps).tolist()
        return dict(zip(sums, means, strict=True))

    def _actor_gradients(self, samples: Samples, rows: torch.Tensor) -> dict[str, torch.Tensor]:
        """Add the gradients of the actor's part of paper eq. 12: surrogate, entropy and regularisers."""
        if self.actor_scale == 0.0:
            return {"kl": torch.zeros((), device=self.device)}
        distribution = self.actor.distribution
        distribution.update(self.actor.output(samples.actor_inputs.index_select(0, rows)))
        log_prob = distribution.log_prob(samples.actions.index_select(0, rows))
        advantages = samples.advantages.index_select(0, rows)
        if self.normalize_advantage_per_mini_batch:
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        ratio = torch.exp(log_prob - samples.log_prob.index_select(0, rows))
        clipped = ratio.clamp(1.0 - self.clip_param, 1.0 + self.clip_param)
        surrogate = -torch.min(advantages * ratio, advantages * clipped).mean()
        entropy = distribution.entropy.mean()
        auxiliary = self.regulariser.losses(self.actor) if self.regulariser is not None else {}
        (surrogate - self.entropy_coef * entropy + sum(auxiliary.values())).backward()
        with torch.no_grad():
            old = tuple(part.index_select(0, rows) for part in samples.distribution)
            kl = distribution.kl_divergence(old, distribution.params).mean()
            clip_fraction = (ratio != clipped).float().mean()
        return {
            "surrogate": surrogate,
            "entropy": entropy,
            **auxiliary,
            "kl": kl,
            "clip_fraction": clip_fraction,
        }

    def _critic_gradients(self, samples: Samples, rows: torch.Tensor) -> dict[str, torch.Tensor]:
        """Add the gradients of the value loss: squared error to the returns, clipped near the old values."""
        if self.critic_scale == 0.0:
            return {}
        values = self.critic.output(samples.critic_inputs.index_select(0, rows)).squeeze(-1)
        returns = samples.returns.index_select(0, rows)
        error = (values - returns).square()
        if self.use_clipped_value_loss:
            old = samples.values.index_select(0, rows)
            near = old + (values - old).clamp(-self.clip_param, self.clip_param)
            error = torch.max(error, (near - returns).square())
        loss = error.mean()
        (self.value_loss_coef * loss).backward()
        return {"value": loss}

    def _beside(self, work: Callable, *arguments: object) -> Callable[[], dict[str, torch.Tensor]]:
        """Start ``work`` in the second thread, or put it off where there is none; call the result."""
        if self._second_thread is None:
            return lambda: work(*arguments)
        return self._second_thread.submit(work, *arguments).result

    def _step(self, kl: torch.Tensor) -> dict[str, torch.Tensor]:
        """Clip the gradients, adapt the learning rate and take the step, unless something is not finite.

        Gradients and KL divergence are means over all processes, so that all of them decide alike.
        """
        if self.is_multi_gpu:
            torch.distributed.all_reduce(kl)
            kl /= self.gpu_world_size
        scales = self.actor_scale, self.critic_scale
        norms = [
            clip_grad_norm_(network.parameters(), self.max_grad_norm) if scale > 0.0 else torch.zeros_like(kl)
            for network, scale in zip((self.actor, self.critic), scales, strict=True)
        ]
        divergence, *lengths = torch.stack([kl, *norms]).tolist()
        if all(map(math.isfinite, (divergence, *lengths))):
            self.skipped.taken()
            if self.schedule == "adaptive" and self.actor_scale > 0.0:
                self._adapt_learning_rate(divergence)
            for group, scale in zip(self.optimizer.param_groups, scales, strict=True):
                group["lr"] = self.learning_rate * scale
            self.optimizer.step()
        else:
            self.skipped.skip(1, "a loss or gradient is not finite")
        return {"actor_grad_norm": norms[0], "critic_grad_norm": norms[1]}

    def _adapt_learning_rate(self, kl: float) -> None:
        config = self.config
        # An actor that is thawing changes little because its share of the rate is small, not because the rate is.
        is_thawing = self.actor_scale < config.actor.learning_rate_scale
        if kl > 2.0 * self.desired_kl:
            self.learning_rate = max(config.min_learning_rate, self.learning_rate / config.learning_rate_factor)
        elif 0.0 < kl < 0.5 * self.desired_kl and not is_thawing:
            self.learning_rate = min(config.max_learning_rate, self.learning_rate * config.learning_rate_factor)

    def clamp_learning_rate(self) -> None:
        """Bring a learning rate from a checkpoint within the bounds of a configuration that has changed since."""
        config = self.config
        if self.schedule == "fixed":
            self.learning_rate = config.learning_rate
        else:
            self.learning_rate = min(max(self.learning_rate, config.min_learning_rate), config.max_learning_rate)

    def _update_normalisers(self, observations: TensorDict) -> None:
        # After the update, so that a rollout and the update on it see the same normalisation.
        if self.actor_scale > 0.0:
            self.actor.update_normalization(observations)
        if self.critic_scale > 0.0:
            self.critic.update_normalization(observations)

    def _inputs_finite(self, samples: Samples) -> bool:
        """Whether all observations are finite; if not, the whole update counts as skipped.

        One bad value would stay in the normaliser for ever.
        """
        if all_finite([samples.actor_inputs, samples.critic_inputs], self.is_multi_gpu):
            return True
        self.skipped.skip(self.num_learning_epochs * self.num_mini_batches, "an observation is not finite")
        return False

    def save(self) -> dict:
        """Return the state of networks, normalisers and optimiser as plain containers of tensors."""
        return {
            **super().save(),
            "learning_rate": self.learning_rate,
            "nonfinite_steps": self.skipped.total,
        }

    def load(self, loaded_dict: dict, load_cfg: dict | None = None, strict: bool = True) -> bool:
        """Take the state of :meth:`save`; ``load_cfg`` names the parts, as in rsl_rl (default: all)."""
        wants_iteration = super().load(loaded_dict, load_cfg, strict)
        if load_cfg is None or load_cfg.get("optimizer"):
            # The optimiser's own rates carry the groups' factors.
            self.learning_rate = loaded_dict["learning_rate"]
            self.skipped.total = loaded_dict["nonfinite_steps"]
        return wants_iteration


def _explained_variance(values: torch.Tensor, returns: torch.Tensor) -> float:
    """1 - var(returns - values) / var(returns): 1 for a perfect value function, 0 for a constant one."""
    spread = returns.var()
    return float(1.0 - (returns - values).var() / spread.clamp_min(1e-12))
