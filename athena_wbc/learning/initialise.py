"""Starting a run from another run's networks: fine-tuning a student (paper sec. 4.4), warm-starting an expert."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from rsl_rl.env import VecEnv

from athena_wbc.errors import AthenaError
from athena_wbc.learning.algorithm import Algorithm
from athena_wbc.learning.checkpoint import check_compatible, ppo_config
from athena_wbc.learning.config import PPOConfig

_STD = "distribution."
"""Parameters of the action noise, within an actor's state."""
_MATTERS = ("class_name", "hidden_dims", "activation", "obs_normalization")


def initialise(algorithm: Algorithm, contents: Mapping[str, Any], config: PPOConfig, env: VecEnv, source: str) -> None:
    """Take networks and normalisers from a checkpoint; optimiser and iteration count stay fresh.

    The actor always comes along, its noise with ``config.init.std``, the critic with ``config.init.critic``. Inputs of
    the critic that never varied have no scale that could be taken over: see
    :meth:`~athena_wbc.learning.models.RunningNormalizer.forget_constants`. Adam's moments are left behind on purpose:
    with them experts learned much less (docs/distillation.md).

    Raises:
        AthenaError: the checkpoint is of another robot, has other actions or observations, or networks of another
            shape.
    """
    check_networks(ppo_config(contents, source), config, source)
    taken = taken_networks(config)
    for name in taken:
        check_compatible(contents, env, source, config.obs_groups[name])
    state = contents["algorithm"]
    if "critic" in taken and "critic_state_dict" not in state:
        raise AthenaError(
            f"{source}: ppo.init.critic: it holds no critic (a student's copy of a teacher); set it to false"
        )
    actor = {
        name: value for name, value in state["actor_state_dict"].items() if config.init.std or not name.startswith(_STD)
    }
    fresh = {name: value for name, value in algorithm.actor.state_dict().items() if name not in actor}
    _load(algorithm.actor, actor | fresh, source)
    if "critic" in taken:
        _load(algorithm.critic, state["critic_state_dict"], source)
        algorithm.critic.forget_constants()


def taken_networks(config: PPOConfig) -> tuple[str, ...]:
    """Return the keys of ``obs_groups`` whose networks a run takes from the policy that it starts from."""
    return ("actor", "critic") if config.init.critic and config.algorithm == "ppo" else ("actor",)


def check_networks(then: PPOConfig, now: PPOConfig, source: str) -> None:
    """Refuse a start from networks that do not fit, as far as the two configurations show it.

    Args:
        then, now: of the policy that a run starts from, and of the run.
        source: where that policy came from, for the message.

    Raises:
        AthenaError: there is no critic to take, or the networks differ in their inputs, shape or kind of noise.
    """
    taken = taken_networks(now)
    if "critic" in taken and then.algorithm == "distillation":
        raise AthenaError(f"{source}: ppo.init.critic: it holds no critic (a distilled student); set it to false")
    for name in taken:
        _check_network(name, then, now, source)
    if now.init.std and then.actor.std_type != now.actor.std_type:
        raise AthenaError(
            f"{source}: ppo.actor.std_type: was {then.actor.std_type}, this run's is {now.actor.std_type}; "
            "set the same, or ppo.init.std=false"
        )


def _check_network(name: str, then: PPOConfig, now: PPOConfig, source: str) -> None:
    if then.obs_groups[name] != now.obs_groups[name]:
        raise AthenaError(
            f"{source}: ppo.obs_groups.{name}: it reads {_shown(then.obs_groups[name])}, this run's reads "
            f"{_shown(now.obs_groups[name])}; start from a policy with the same observations{_remedy(name)}"
        )
    for key in _MATTERS:
        old, new = (getattr(getattr(config, name), key) for config in (then, now))
        if old != new:
            raise AthenaError(
                f"{source}: ppo.{name}.{key}: was {_shown(old)}, this run's is {_shown(new)}; "
                f"set the same{_remedy(name)}"
            )


def _remedy(name: str) -> str:
    return ", or ppo.init.critic=false" if name == "critic" else ""


def _shown(value: object) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)


def _load(network: torch.nn.Module, state: Mapping[str, torch.Tensor], source: str) -> None:
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise AthenaError(f"{source}: its network does not fit this run's ({reason}); use its settings") from error
