"""What each recipe changes against its base, and what every one keeps."""

from __future__ import annotations

import functools

import pytest
import yaml

from athena_wbc.config import Config, load_config, recipe_descriptions, to_dict
from athena_wbc.errors import AthenaError
from athena_wbc.learning.train import changed_keys
from athena_wbc.resources import config_names, config_path

NO_SMOOTH = {"task.rewards.effort": (1.0, 0.0), "task.rewards.temp": (1.0, 0.0)}
DIFFERENCES = {
    "no_smooth": ("general", NO_SMOOTH),
    "dynamic_caps": ("no_smooth", {"ppo.regulariser.kind": ("none", "caps"), "ppo.regulariser.weight": (1.0, 0.1)}),
    "dynamic": ("no_smooth", {"ppo.regulariser.kind": ("none", "grad_caps"), "ppo.regulariser.weight": (1.0, 0.1)}),
    "balance": ("general", {"task.gravity_curriculum.mode": ("none", "progress")}),
    "residual_control": ("general", {}),
}
compose = functools.cache(load_config)
DEPLOYABLE = {
    "reference_joint_pos",
    "reference_joint_vel",
    "reference_orientation",
    "reference_height",
    "reference_lin_vel",
    "reference_ang_vel",
    "projected_gravity",
    "base_ang_vel",
    "joint_pos",
    "joint_vel",
    "last_action",
}
"""What an inertial unit, joint encoders, the policy itself and the reference tell."""


def actor_terms(config: Config) -> set[str]:
    groups = [getattr(config.task.observations, name) for name in config.ppo.obs_groups["actor"]]
    return {term.term for group in groups for term in group.terms}


@pytest.mark.parametrize("recipe", DIFFERENCES)
def test_a_recipe_differs_from_its_base_in_nothing_else(recipe: str):
    base, expected = DIFFERENCES[recipe]
    assert changed_keys(to_dict(compose(base)), to_dict(compose(recipe))) == expected
    assert yaml.safe_load(config_path("recipe", recipe).read_text())["inherit"] == base


@pytest.mark.parametrize("recipe", [*DIFFERENCES, "general"])
@pytest.mark.parametrize("ppo", ["demo", "default"])
def test_another_size_of_the_algorithm_keeps_what_a_recipe_chooses(recipe: str, ppo: str):
    plain, sized = compose(recipe), compose(recipe, (f"ppo={ppo}", "task.observations=compact"))
    assert sized.ppo.obs_groups == plain.ppo.obs_groups == {"actor": ["teacher"], "critic": ["critic"]}
    assert sized.ppo.regulariser == plain.ppo.regulariser
    assert (sized.task.rewards, sized.task.gravity_curriculum) == (plain.task.rewards, plain.task.gravity_curriculum)


@pytest.mark.parametrize("recipe", DIFFERENCES)
def test_physical_penalties_and_tracking_stay_in_every_recipe(recipe: str):
    rewards = compose(recipe).task.rewards
    assert (rewards.track, rewards.phys) == (1.0, 1.0)
    assert rewards.terms == compose("sonic_base").task.rewards.terms


def test_the_baseline_is_deployable_and_keeps_every_penalty():
    config = compose("sonic_base")
    assert config.ppo.obs_groups["actor"] == ["student"] and config.task.observations.student.noise
    for preset in ("full", "compact"):
        assert actor_terms(compose("sonic_base", (f"task.observations={preset}",))) <= DEPLOYABLE
    rewards = config.task.rewards
    assert (rewards.track, rewards.phys, rewards.effort, rewards.temp) == (1.0, 1.0, 1.0, 1.0)
    assert config.ppo.regulariser.kind == "none" and config.task.gravity_curriculum.mode == "none"


@pytest.mark.parametrize("recipe", config_names("recipe"))
def test_the_critic_sees_gravity_and_no_actor_does(recipe: str):
    config = compose(recipe)
    assert "gravity_scale" not in actor_terms(config)
    groups = [getattr(config.task.observations, name) for name in config.ppo.obs_groups["critic"]]
    assert "gravity_scale" in {term.term for group in groups for term in group.terms}
    assert "\n" not in recipe_descriptions()[recipe]


@pytest.mark.parametrize(
    ("override", "place"),
    [
        ("ppo.obs_groups.actor=[teacher, critic]", r"critic\.terms\[\d+\]"),
        ("task.observations.teacher.terms=[{term: joint_pos}, {term: gravity_scale}]", r"teacher\.terms\[1\]"),
    ],
)
def test_an_actor_that_sees_gravity_is_refused(override: str, place: str):
    with pytest.raises(AthenaError, match=rf"^task\.observations\.{place}: 'gravity_scale' is for the critic alone"):
        load_config("balance", [override])
