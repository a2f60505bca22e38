"""Configuration of learning: the algorithm, its networks, regularisers, checkpoints and logging.

Plain dataclasses only, so that OmegaConf can read them as a schema. Values live in ``configs/ppo/``.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.task.config import COMMAND_BASE

ACTIVATIONS = (
    "elu",
    "selu",
    "relu",
    "crelu",
    "lrelu",
    "tanh",
    "sigmoid",
    "softplus",
    "gelu",
    "swish",
    "mish",
    "identity",
)
"""Activation functions that the networks know, by rsl_rl's names."""


@dataclass
class ModelConfig:
    """What actor and critic have in common."""

    class_name: str = "athena_wbc.learning.models:FlatMLP"
    """Import path ``package.module:Class`` of the network, a :class:`~athena_wbc.learning.models.FlatMLP`."""
    hidden_dims: list[int] = field(default_factory=lambda: [512, 256, 128])
    """Width of each hidden layer."""
    activation: str = "elu"
    """Activation after each hidden layer; one of :data:`ACTIVATIONS`."""
    obs_normalization: bool = True
    """Whether inputs are shifted and scaled by their running mean and standard deviation."""
    learning_rate_scale: float = 1.0
    """Factor on the (adaptive) learning rate for this network's parameters. 0 freezes the network."""


@dataclass
class ActorConfig(ModelConfig):
    """The policy: a network for the mean and a learnt standard deviation that no input changes."""

    init_std: float = 0.25
    """Standard deviation of the action noise at the start, in action units."""
    std_range: list[float] = field(default_factory=lambda: [1.0e-3, 1.0])
    """Smallest and largest standard deviation that learning may reach."""
    std_type: str = "log"
    """What is learnt: ``log`` (its logarithm, so that steps are relative) or ``scalar``."""
    learn_std: bool = True
    """Whether the standard deviation is learnt; ``false`` keeps it at ``init_std``."""


@dataclass
class CriticConfig(ModelConfig):
    """The value function."""


@dataclass
class RegulariserConfig:
    """A loss on the action mean that makes it smooth, in every minibatch step (paper eq. 11 and 12)."""

    kind: str = "none"
    """``none``; ``caps`` (first difference in time, and sensitivity to noise on the inputs); ``grad_caps``
    (second difference in time)."""
    weight: float = 1.0
    """lambda_reg: factor on the loss in time."""
    spatial_weight: float = 0.0
    """Factor on CAPS' spatial loss; ``caps`` only."""
    spatial_sigma: float = 0.05
    """Standard deviation of the noise of the spatial loss, in units of the network's (normalised) inputs."""
    on: str = "mean"
    """``mean``: the actor's mean. ``target``: the joint target in action units, mean + base, which is what a
    residual policy really commands; needs the observation group ``command_base``."""
    sample_fraction: float = 0.25
    """Windows in a minibatch step, as a share of the minibatch's size. A window of Grad-CAPS is three
    observations, so 0.25 costs the actor about 75 % more."""


@dataclass
class DistillationConfig:
    """Routed DAgger (paper eq. 16): how the student learns from its teachers. Replaces PPO's keys of these names."""

    num_learning_epochs: int = 4
    """In one iteration, as many samples are learnt from as are visited, this many times."""
    num_mini_batches: int = 4
    """Parts that they are cut into; each part is one optimiser step."""
    aggregate_rollouts: int = 1
    """Latest rollouts that the samples are drawn from; 1 for the present one alone."""
    learning_rate: float = 1.0e-3
    """Learning rate of Adam."""
    max_grad_norm: float = 1.0
    """Gradients are scaled down to this norm."""
    noise: bool = False
    """Whether the student acts with noise of its standard deviation, ``ppo.actor.init_std``; else with its mean."""
    single_teacher: bool = False
    """One teacher labels every motion: a second teacher or a routing is refused."""


@dataclass
class InitConfig:
    """What a run takes from ``--init_from``, beside the actor's network and its normaliser."""

    required: bool = False
    """Whether a run without ``--init_from`` is refused."""
    critic: bool = True
    """Whether the critic comes along, with its normaliser; else a fresh one learns."""
    std: bool = True
    """Whether the action noise comes along; else it starts at ``ppo.actor.init_std``."""


@dataclass
class LoggingConfig:
    """What is told about a run, where and how often. Nothing here changes what is learnt."""

    writer: str = "tensorboard"
    """``tensorboard``, ``wandb`` (needs the package wandb) or ``none``."""
    project: str = "athena_wbc"
    """Project name on Weights & Biases."""
    print_interval: float = 10.0
    """Seconds between two lines where the output is no terminal."""
    text_interval: int = 50
    """Iterations between two tables of the hardest clips."""
    hardest_clips: int = 10
    """Rows of that table."""


@dataclass
class PPOConfig:
    """Proximal policy optimisation and the loop around it; also the loop and networks of a distillation."""

    algorithm: str = "ppo"
    """``ppo``, or ``distillation``: the actor is a student that imitates teachers (``athena distill``)."""
    num_steps_per_env: int = 24
    """Control steps that every environment makes in one iteration."""
    num_learning_epochs: int = 5
    """Passes over the samples of one iteration."""
    num_mini_batches: int = 4
    """Parts that the samples are cut into; each part is one optimiser step."""
    clip_param: float = 0.2
    """Clip of the probability ratio, and of the value step if ``use_clipped_value_loss``."""
    gamma: float = 0.99
    """Discount of a control step."""
    lam: float = 0.95
    """lambda of generalised advantage estimation."""
    value_loss_coef: float = 1.0
    """Factor on the value loss."""
    use_clipped_value_loss: bool = True
    """Whether a value prediction may move only ``clip_param`` from its old one before it stops to gain."""
    entropy_coef: float = 0.005
    """Factor on the entropy bonus."""
    learning_rate: float = 5.0e-4
    """Learning rate of Adam at the start."""
    schedule: str = "adaptive"
    """``adaptive``: the KL divergence of every minibatch steers the learning rate; ``fixed``."""
    desired_kl: float = 0.01
    """KL divergence that the adaptive schedule steers to: above twice of it the rate falls, below half of it
    the rate rises."""
    learning_rate_factor: float = 1.5
    """Factor of one such change."""
    min_learning_rate: float = 1.0e-5
    """The adaptive learning rate does not fall below."""
    max_learning_rate: float = 1.0e-2
    """The adaptive learning rate does not rise above."""
    max_grad_norm: float = 1.0
    """Gradients are scaled down to this norm, for actor and critic each on its own."""
    normalize_advantage_per_mini_batch: bool = False
    """Whether advantages get zero mean and unit variance within a minibatch, not over the iteration."""
    critic_warmup_iterations: int = 0
    """Iterations at the start in which only the critic learns: the actor's parameters, standard deviation,
    optimiser state and input normaliser stay as they are, to the byte."""
    actor_unfreeze_iterations: int = 0
    """Iterations after the warm-up in which the actor's learning rate rises linearly to its full value."""
    matmul_precision: str = "medium"
    """Precision of the networks' matrix products, as in ``torch.set_float32_matmul_precision``: ``highest``
    is float32; ``high`` allows TF32 on CUDA; ``medium`` also lets a CPU take oneDNN's products: bfloat16
    factors with float32 sums where the CPU has AMX, else float32 throughout, and more than twice as fast as
    the default on an AMD CPU. The task's kinematics always stay at ``highest``."""
    update_threads: int = 2
    """On a CPU, 2 lets actor and critic learn side by side in two threads, with the same result as 1."""
    max_nonfinite_steps: int = 20
    """Optimiser steps in a row with a loss or gradient that is not finite, after which training stops. Such
    a step is skipped and counted."""
    actor: ActorConfig = field(default_factory=ActorConfig)
    critic: CriticConfig = field(default_factory=CriticConfig)
    obs_groups: dict[str, list[str]] = field(default_factory=lambda: {"actor": ["teacher"], "critic": ["critic"]})
    """Observation groups that actor and critic see, joined in this order; in a distillation ``teacher`` lists all
    groups that its teachers see, and there is no critic."""
    distillation: DistillationConfig = field(default_factory=DistillationConfig)
    init: InitConfig = field(default_factory=InitConfig)
    regulariser: RegulariserConfig = field(default_factory=RegulariserConfig)
    save_interval: int = 50
    """Iterations between two checkpoints; the last iteration always leaves one."""
    keep_checkpoints: int = 3
    """Newest checkpoints that are kept. The best one is kept beside them as ``best.pt``."""
    best_metric: str = "reward/total"
    """Logged figure whose largest value at a save marks the best checkpoint."""
    logging: LoggingConfig = field(default_factory=LoggingConfig)


def input_sets(config: PPOConfig) -> tuple[str, str]:
    """Return the keys of ``obs_groups`` that the algorithm uses."""
    return ("actor", "teacher") if config.algorithm == "distillation" else ("actor", "critic")


def required_groups(config: PPOConfig) -> list[str]:
    """Return the observation groups that training reads, each once: the inputs, and ``command_base``."""
    groups = [group for name in input_sets(config) for group in config.obs_groups.get(name, [])]
    if config.regulariser.kind != "none" and config.regulariser.on == "target":
        groups.append(COMMAND_BASE)
    return list(dict.fromkeys(groups))


def needs_command_base(config: PPOConfig, given: Container[str]) -> bool:
    """Return whether learning reads :data:`~athena_wbc.task.config.COMMAND_BASE` beside the networks' inputs.

    Args:
        given: observation groups of the task.

    Raises:
        AthenaError: it does, and the task does not give the group.
    """
    needed = COMMAND_BASE in required_groups(config)
    if needed and COMMAND_BASE not in given:
        raise AthenaError(
            f"ppo.regulariser.on: 'target' needs the observation group '{COMMAND_BASE}', which this task does not "
            "give; take 'mean'"
        )
    return needed


def validate(config: PPOConfig) -> None:
    """Refuse values that no run could use.

    Raises:
        AthenaError: names the first such key, ``ppo.<key>``, and what it may be.
    """
    for key in ("num_steps_per_env", "num_learning_epochs", "num_mini_batches", "save_interval"):
        _at_least(key, getattr(config, key), 1)
    for key in ("keep_checkpoints", "max_nonfinite_steps"):
        _at_least(key, getattr(config, key), 1)
    if config.update_threads not in (1, 2):
        raise AthenaError(f"ppo.update_threads: {config.update_threads} must be 1 or 2")
    for key in ("critic_warmup_iterations", "actor_unfreeze_iterations", "value_loss_coef", "entropy_coef"):
        _at_least(key, getattr(config, key), 0)
    for key in ("clip_param", "learning_rate", "min_learning_rate", "max_learning_rate", "desired_kl"):
        _positive(key, getattr(config, key))
    _positive("max_grad_norm", config.max_grad_norm)
    for key in ("gamma", "lam"):
        if not 0.0 <= getattr(config, key) <= 1.0:
            raise AthenaError(f"ppo.{key}: {getattr(config, key)} is not between 0 and 1")
    if config.min_learning_rate > config.max_learning_rate:
        raise AthenaError("ppo.min_learning_rate: larger than ppo.max_learning_rate; lower it")
    if config.learning_rate_factor <= 1.0:
        raise AthenaError(f"ppo.learning_rate_factor: {config.learning_rate_factor} must be above 1")
    _one_of("algorithm", config.algorithm, ("ppo", "distillation"))
    _one_of("schedule", config.schedule, ("adaptive", "fixed"))
    _one_of("matmul_precision", config.matmul_precision, ("highest", "high", "medium"))
    _one_of("logging.writer", config.logging.writer, ("tensorboard", "wandb", "none"))
    for name, model in (("actor", config.actor), ("critic", config.critic)):
        _one_of(f"{name}.activation", model.activation, ACTIVATIONS)
        _at_least(f"{name}.learning_rate_scale", model.learning_rate_scale, 0)
        if not model.hidden_dims or min(model.hidden_dims) < 1:
            raise AthenaError(f"ppo.{name}.hidden_dims: {model.hidden_dims} needs one width of 1 or more")
    for name in input_sets(config):
        if not config.obs_groups.get(name):
            raise AthenaError(f"ppo.obs_groups.{name}: names no observation group; give it a list of groups")
    distillation = config.distillation
    for key in ("num_learning_epochs", "num_mini_batches", "aggregate_rollouts"):
        _at_least(f"distillation.{key}", getattr(distillation, key), 1)
    for key in ("learning_rate", "max_grad_norm"):
        _positive(f"distillation.{key}", getattr(distillation, key))
    _validate_std(config.actor)
    _validate_regulariser(config.regulariser)


def _validate_std(actor: ActorConfig) -> None:
    _one_of("actor.std_type", actor.std_type, ("log", "scalar"))
    if len(actor.std_range) != 2 or not 0.0 < actor.std_range[0] <= actor.std_range[1]:
        raise AthenaError(f"ppo.actor.std_range: {actor.std_range} must be [smallest, largest], above zero")
    if not actor.std_range[0] <= actor.init_std <= actor.std_range[1]:
        raise AthenaError(f"ppo.actor.init_std: {actor.init_std} lies outside ppo.actor.std_range {actor.std_range}")


def _validate_regulariser(regulariser: RegulariserConfig) -> None:
    _one_of("regulariser.kind", regulariser.kind, ("none", "caps", "grad_caps"))
    _one_of("regulariser.on", regulariser.on, ("mean", "target"))
    _at_least("regulariser.weight", regulariser.weight, 0)
    _at_least("regulariser.spatial_weight", regulariser.spatial_weight, 0)
    _positive("regulariser.spatial_sigma", regulariser.spatial_sigma)
    _positive("regulariser.sample_fraction", regulariser.sample_fraction)


def _at_least(key: str, value: float, least: float) -> None:
    if not value >= least:
        raise AthenaError(f"ppo.{key}: {value} must be {least} or more")


def _positive(key: str, value: float) -> None:
    if not value > 0:
        raise AthenaError(f"ppo.{key}: {value} must be above 0")


def _one_of(key: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise AthenaError(f"ppo.{key}: {suggest(value, known)}")
