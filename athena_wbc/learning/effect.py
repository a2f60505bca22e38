"""Which keys of a training's configuration its result depends on, and which may change while it goes on."""

from __future__ import annotations

from athena_wbc.learning.config import PPOConfig

WITHOUT_EFFECT = (
    "evaluation",
    "ppo.best_metric",
    "ppo.keep_checkpoints",
    "ppo.logging",
    "ppo.save_interval",
    "ppo.update_threads",
    "sim.threads",
)
"""Keys, and parents of keys, that no result depends on: a change of them redoes nothing."""

FREE_ON_RESUME = (
    "ppo.distillation.learning_rate",
    "ppo.learning_rate",
    "ppo.max_learning_rate",
    "ppo.max_nonfinite_steps",
    "ppo.min_learning_rate",
)
"""Keys that a user may change on resume although a result depends on them."""

_UNUSED = {
    "ppo": ("distillation",),
    "distillation": (
        "num_learning_epochs",
        "num_mini_batches",
        "clip_param",
        "gamma",
        "lam",
        "value_loss_coef",
        "use_clipped_value_loss",
        "entropy_coef",
        "learning_rate",
        "schedule",
        "desired_kl",
        "learning_rate_factor",
        "min_learning_rate",
        "max_learning_rate",
        "max_grad_norm",
        "normalize_advantage_per_mini_batch",
        "critic_warmup_iterations",
        "actor_unfreeze_iterations",
        "critic",
    ),
}
"""Algorithm -> keys of ``ppo`` that are the other one's."""


def without_effect(config: PPOConfig) -> tuple[str, ...]:
    """Keys, and parents of keys, that no result of this training depends on: those of the other algorithm too."""
    return (*WITHOUT_EFFECT, *(f"ppo.{key}" for key in _UNUSED[config.algorithm]))


def is_free_on_resume(key: str, config: PPOConfig) -> bool:
    """Whether a key may differ when a training goes on: no result depends on it, or the user wants it to."""
    free = (*without_effect(config), *FREE_ON_RESUME)
    return any(key == other or key.startswith(f"{other}.") for other in free)
