from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from athena_wbc import resources
from athena_wbc.config import (
    PRESETS,
    Config,
    config_from_dict,
    load_config,
    read_config,
    recipe_descriptions,
    save_config,
    to_dict,
    to_yaml,
)
from athena_wbc.errors import AthenaError


@pytest.mark.parametrize("recipe", resources.config_names("recipe"))
def test_every_recipe_composes_and_says_what_it_is(recipe: str) -> None:
    assert isinstance(load_config(recipe), Config)
    assert recipe_descriptions()[recipe]


@pytest.mark.parametrize("key", sorted(PRESETS))
def test_every_preset_composes(key: str) -> None:
    names = resources.config_names(PRESETS[key].group)
    assert names
    for name in names:
        load_config("general", [f"{key}={name}"])


def test_recipes_choose_what_the_networks_see() -> None:
    assert load_config("general").ppo.obs_groups == {"actor": ["teacher"], "critic": ["critic"]}
    assert load_config("sonic_base").ppo.obs_groups == {"actor": ["student"], "critic": ["critic"]}
    assert load_config("sonic_base", ["ppo=demo"]).ppo.obs_groups["actor"] == ["student"]


def test_default_ppo_is_table_7_of_the_paper() -> None:
    ppo = load_config("sonic_base").ppo
    assert (ppo.clip_param, ppo.gamma, ppo.lam) == (0.2, 0.99, 0.95)
    assert (ppo.learning_rate, ppo.schedule, ppo.desired_kl) == (2.0e-5, "adaptive", 0.01)
    assert (ppo.num_learning_epochs, ppo.num_mini_batches) == (5, 4)
    assert (ppo.value_loss_coef, ppo.entropy_coef, ppo.max_grad_norm) == (50.0, 0.005, 0.1)


def test_ppo_presets_set_the_same_keys() -> None:
    # They are laid over each other, so a key that only one mentions would stay behind.
    def keys(mapping: dict, prefix: str = "") -> set[str]:
        found = set()
        for key, value in mapping.items():
            found |= keys(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key}
        return found

    presets = [keys(yaml.safe_load(resources.config_path("ppo", n).read_text())) for n in resources.config_names("ppo")]
    assert len(presets) >= 2
    assert all(preset == presets[0] for preset in presets)


def test_options_lie_between_recipe_and_overrides() -> None:
    given = {"seed": 3, "evaluation": "phc", "evaluation.rollouts": 2}
    config = load_config("general", ["seed=4"], given)
    assert (config.seed, config.evaluation.protocol, config.evaluation.rollouts) == (4, "phc", 2)
    with pytest.raises(AthenaError, match=r"option: evaluation: .*'phd'; did you mean 'phc'"):
        load_config("general", given={"evaluation": "phd"})


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("ppo.gama=0.9", r"command line: ppo\.gama: unknown key 'gama'; did you mean 'gamma'\?"),
        ("gamma=0.9", r"command line: gamma: unknown key; did you mean 'ppo\.gamma'\?"),
        ("ppo=dmeo", r"command line: ppo: ppo: unknown 'dmeo'; did you mean 'demo'\?"),
        ("evaluation=athna", r"did you mean 'athena'\?"),
        ("ppo.num_steps_per_env=few", r"command line: ppo\.num_steps_per_env: .*few"),
        ("seed=null", r"command line: seed: "),
    ],
)
def test_a_wrong_override(override: str, expected: str) -> None:
    with pytest.raises(AthenaError, match=expected):
        load_config("general", [override])


def test_an_unknown_recipe() -> None:
    with pytest.raises(AthenaError, match=r"recipe: unknown 'genral'; did you mean 'general'\?"):
        load_config("genral")


def test_what_a_run_saves_reads_back_the_same(tmp_path: Path) -> None:
    config = load_config("general", ["ppo.learning_rate=3e-4", "seed=9"])
    save_config(tmp_path / "config.yaml", config)
    assert read_config(tmp_path / "config.yaml") == config
    assert config_from_dict(to_dict(config), "checkpoint") == config
    assert read_config(tmp_path / "config.yaml", ["seed=1"]).seed == 1


def test_a_saved_configuration_with_an_unknown_key_names_its_file(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(load_config("general")) + "colour: blue\n")
    with pytest.raises(AthenaError, match=r"config\.yaml: colour: unknown key"):
        read_config(path)
