"""Networks of actor and critic, built from the configuration and an observation schema.

rsl_rl's :class:`~rsl_rl.models.MLPModel` reads a TensorDict in every call. An update makes dozens of passes
over the same observations, so :class:`FlatMLP` cuts the forward pass in two: :meth:`FlatMLP.inputs` joins and
normalises the observation groups (nothing in it is learnt by gradients, once per update is enough), and
:meth:`FlatMLP.output` is the rest.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from rsl_rl.models import MLPModel
from rsl_rl.modules import EmpiricalNormalization
from rsl_rl.utils import resolve_callable
from tensordict import TensorDict

from athena_wbc.errors import AthenaError
from athena_wbc.learning.config import ActorConfig, CriticConfig, PPOConfig


class RunningNormalizer(EmpiricalNormalization):
    """Running mean and standard deviation of the inputs, over everything seen so far.

    rsl_rl's normaliser with the same state. Its ``torch.var`` along the batch takes ten times as long on a
    CPU as the two passes here; the forward pass makes one copy of the batch instead of two.
    """

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (inputs - mean) / (std + eps), (..., D)."""
        return torch.sub(inputs, self._mean).div_(self._std + self.eps)

    @torch.jit.unused
    def update(self, inputs: torch.Tensor) -> None:
        """Take in a batch (B, D); with several processes, the batches of all of them."""
        if not self.training:
            return
        shared = torch.distributed.is_available() and torch.distributed.is_initialized()
        count = torch.tensor(float(len(inputs)), dtype=torch.float64, device=inputs.device)
        total = inputs.sum(dim=0, keepdim=True)
        if shared:
            torch.distributed.all_reduce(count)
            torch.distributed.all_reduce(total)
        mean = total / count.float()
        squares = (inputs - mean).square_().sum(dim=0, keepdim=True)
        if shared:
            torch.distributed.all_reduce(squares)
        self.count += count.long()
        rate = (count / self.count).float()
        shift = mean - self._mean
        # Variance of a mixture: the mean of the variances plus the variance of the means.
        self._var += rate * (squares / count.float() - self._var + (1.0 - rate) * shift.square())
        self._mean += rate * shift
        self._std = self._var.sqrt()

    def forget_constants(self, least: float = 1e-3) -> None:
        """Give inputs whose standard deviation has stayed below ``least`` the scale 1, before they begin to vary.

        The general teacher's critic knows one gravity alone. Half of it would be 50 standard deviations (of ``eps``)
        from the mean, on a weight that has never been trained.
        """
        constant = self._std < least
        self._var[constant] = 1.0
        self._std[constant] = 1.0


class FlatMLP(MLPModel):
    """A multi-layer perceptron on joined observation groups, with a forward pass in two halves.

    A network of one's own derives from this class and overrides :meth:`output`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.obs_normalization:
            self.obs_normalizer = RunningNormalizer(self.obs_dim)

    def forget_constants(self) -> None:
        """Normalise inputs that never varied with the scale 1 from now on."""
        if self.obs_normalization:
            self.obs_normalizer.forget_constants()

    def inputs(self, observations: TensorDict) -> torch.Tensor:
        """Join the observation groups and normalise them: groups (..., D_g) -> (..., sum of D_g)."""
        return self.get_latent(observations)

    def output(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map inputs (..., D) to what the distribution is made from, or to values (..., 1) for a critic."""
        return self.mlp(inputs)

    def mean(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the action mean (..., A) and leave the current distribution as it is."""
        return self.distribution.deterministic_output(self.output(inputs))


def build_actor(observations: TensorDict, config: PPOConfig, num_actions: int, device: str) -> FlatMLP:
    """Build the policy for ``num_actions`` actions from the actor's observation groups."""
    actor: ActorConfig = config.actor
    noise = {
        "class_name": "rsl_rl.modules.distribution:GaussianDistribution",
        "init_std": actor.init_std,
        "std_range": tuple(actor.std_range),
        "std_type": actor.std_type,
        "learn_std": actor.learn_std,
    }
    return _build(observations, config, "actor", num_actions, noise).to(device)


def build_critic(observations: TensorDict, config: PPOConfig, device: str) -> FlatMLP:
    """Build the value function, (N, 1), from the critic's observation groups."""
    return _build(observations, config, "critic", 1, None).to(device)


def _build(observations: TensorDict, config: PPOConfig, name: str, size: int, distribution: dict | None) -> FlatMLP:
    model: ActorConfig | CriticConfig = getattr(config, name)
    groups = config.obs_groups[name]
    for group in groups:
        if group not in observations:
            known = ", ".join(map(str, observations.keys()))
            raise AthenaError(
                f"ppo.obs_groups.{name}: the task has no observation group '{group}' (it has: {known}); "
                "name one of these or add the group under task.observations"
            )
    try:
        model_class = resolve_callable(model.class_name)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise AthenaError(
            f"ppo.{name}.class_name: '{model.class_name}' cannot be imported ({error}); write package.module:Class"
        ) from error
    if not (isinstance(model_class, type) and issubclass(model_class, FlatMLP)):
        raise AthenaError(
            f"ppo.{name}.class_name: '{model.class_name}' is no network; derive it from {FlatMLP.__name__}"
        )
    return model_class(
        observations,
        {name: list(groups)},
        name,
        size,
        hidden_dims=list(model.hidden_dims),
        activation=model.activation,
        obs_normalization=model.obs_normalization,
        distribution_cfg=distribution,
    )


def example_observations(schema: Mapping[str, Sequence[Sequence]]) -> TensorDict:
    """Return zeros (1, D) for every group of an observation schema (group -> list of [term, size])."""
    return TensorDict(
        {group: torch.zeros(1, sum(int(size) for _, size in terms)) for group, terms in schema.items()},
        batch_size=[1],
    )


@contextlib.contextmanager
def matmul_precision(precision: str) -> Iterator[None]:
    """Set the precision of float32 matrix products inside the block, and put the old one back.

    Only the networks run under a lower precision: forward kinematics would lose millimetres.
    """
    previous = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(previous)
