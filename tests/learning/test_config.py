from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from athena_wbc.config import load_config
from athena_wbc.errors import AthenaError
from athena_wbc.learning.config import PPOConfig, RegulariserConfig, needs_command_base, required_groups, validate
from athena_wbc.learning.ppo import AthenaPPO
from athena_wbc.resources import config_names
from tests.learning.fake_env import FakeEnv
from tests.learning.small import small_config


def test_it_is_a_schema_for_omegaconf() -> None:
    config = OmegaConf.to_object(OmegaConf.structured(PPOConfig))
    assert config == PPOConfig()
    validate(config)


@pytest.mark.parametrize("preset", config_names("ppo"))
def test_every_preset_is_valid(preset: str) -> None:
    config = load_config("general", [f"ppo={preset}"]).ppo
    validate(config)
    assert config.obs_groups["actor"] == ["teacher"], "the preset leaves the recipe's groups alone"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("num_mini_batches", 0, "ppo.num_mini_batches: 0 must be 1 or more"),
        ("gamma", 1.5, "ppo.gamma: 1.5 is not between 0 and 1"),
        ("clip_param", 0.0, "ppo.clip_param: 0.0 must be above 0"),
        ("learning_rate", float("nan"), "ppo.learning_rate: nan must be above 0"),
        ("min_learning_rate", 1.0, "ppo.min_learning_rate: larger than ppo.max_learning_rate"),
        ("learning_rate_factor", 1.0, "ppo.learning_rate_factor: 1.0 must be above 1"),
        ("schedule", "adaptve", "ppo.schedule: unknown 'adaptve'; did you mean 'adaptive'?"),
        ("matmul_precision", "low", "ppo.matmul_precision: unknown 'low'"),
        ("update_threads", 3, "ppo.update_threads: 3 must be 1 or 2"),
        ("save_interval", 0, "ppo.save_interval: 0 must be 1 or more"),
        ("actor__activation", "silu", "ppo.actor.activation: unknown 'silu'"),
        ("critic__hidden_dims", [], r"ppo.critic.hidden_dims: \[\] needs one width"),
        ("actor__std_range", [0.5], r"ppo.actor.std_range: \[0.5\] must be"),
        ("actor__init_std", 5.0, "ppo.actor.init_std: 5.0 lies outside"),
        ("actor__std_type", "exp", "ppo.actor.std_type: unknown 'exp'"),
        ("obs_groups", {"actor": ["teacher"]}, "ppo.obs_groups.critic: names no observation group"),
        ("regulariser__kind", "gradcaps", "ppo.regulariser.kind: unknown 'gradcaps'; did you mean 'grad_caps'?"),
        ("regulariser__on", "actions", "ppo.regulariser.on: unknown 'actions'"),
        ("regulariser__weight", -1.0, "ppo.regulariser.weight: -1.0 must be 0 or more"),
        ("logging__writer", "csv", "ppo.logging.writer: unknown 'csv'"),
    ],
)
def test_a_useless_value_is_refused_by_its_key(key: str, value: object, message: str) -> None:
    with pytest.raises(AthenaError, match=message):
        validate(small_config(**{key: value}))


def test_a_minibatch_needs_two_samples() -> None:
    with pytest.raises(AthenaError, match=r"ppo.num_mini_batches: 100 minibatches of 48 samples"):
        AthenaPPO.for_env(FakeEnv(num_envs=8), small_config(num_mini_batches=100))


def test_required_groups() -> None:
    config = PPOConfig(obs_groups={"actor": ["teacher", "history"], "critic": ["critic", "teacher"]})
    assert required_groups(config) == ["teacher", "history", "critic"]
    config.regulariser = RegulariserConfig(kind="caps", on="target")
    assert required_groups(config)[-1] == "command_base"
    config.regulariser.kind = "none"
    assert "command_base" not in required_groups(config)


def test_the_command_base_is_asked_for_where_a_regulariser_reads_it() -> None:
    config = PPOConfig()
    assert not needs_command_base(config, ())
    config.regulariser = RegulariserConfig(kind="grad_caps", on="target")
    assert needs_command_base(config, ("critic", "command_base"))
    with pytest.raises(AthenaError, match=r"ppo.regulariser.on: 'target' needs the observation group 'command_base'"):
        needs_command_base(config, ("critic",))
