"""Protocols: what their files say, how a command changes them, and what is refused."""

from __future__ import annotations

import pytest

from athena_wbc.config import load_config
from athena_wbc.errors import AthenaError
from athena_wbc.evaluation.config import EvaluationConfig, check_evaluation_config
from athena_wbc.evaluation.errors import ERRORS, RULES
from athena_wbc.evaluation.run import evaluation_config, is_random
from athena_wbc.resources import config_names
from athena_wbc.task.config import RandomisationConfig


def test_every_protocol_is_valid_and_follows_its_rule():
    assert set(config_names("evaluation")) == {"athena", "athena_world", "phc", "sonic"}
    for name in config_names("evaluation"):
        config = load_config("general", given={"evaluation": name}).evaluation
        check_evaluation_config(config)
        assert config.protocol == name
        assert tuple(config.errors) == RULES[name]


def test_athena_is_the_default():
    assert load_config("general", given={"evaluation": "athena"}).evaluation == EvaluationConfig()


def test_published_thresholds():
    limits = EvaluationConfig().limits
    assert (limits.height, limits.yaw, limits.key_body) == (0.20, 0.50, 0.50)
    assert (limits.anchor_height, limits.anchor_orientation, limits.end_effector_height) == (0.25, 1.0, 0.25)
    assert limits.mean_body_world == 0.5
    assert len(ERRORS) == 8


def test_protocols_decide_randomisation_noise_and_rollouts():
    athena = evaluation_config(None, "athena")
    assert athena.evaluation.rollouts == 5
    assert (
        athena.task.randomisation == load_config("general", given={"task.randomisation": "standard"}).task.randomisation
    )
    assert is_random(athena)
    student = ["ppo.obs_groups.actor=[student]"]
    assert evaluation_config(None, "athena", overrides=student).task.observations.student.noise
    for name in ("sonic", "phc"):
        nominal = evaluation_config(None, name, overrides=student)
        assert nominal.evaluation.rollouts == 1
        assert nominal.task.randomisation == RandomisationConfig()
        assert not nominal.task.observations.student.noise
        assert not is_random(nominal)


def test_options_and_overrides_win_over_the_protocol():
    config = evaluation_config(
        None, "athena", 3, 7, "light", ["evaluation.limits.height=0.1", "task.randomisation.friction=[1.0,1.0]"]
    )
    assert (config.evaluation.rollouts, config.evaluation.num_envs) == (3, 7)
    assert config.evaluation.randomisation == "light"
    assert config.evaluation.limits.height == 0.1
    assert config.task.randomisation.friction == [1.0, 1.0]
    assert config.task.randomisation.mass == [0.95, 1.05]


def test_an_override_of_the_randomisation_wins_over_the_option():
    config = evaluation_config(None, "sonic", randomisation="standard", overrides=["evaluation.randomisation=light"])
    assert config.evaluation.randomisation == "light"
    assert config.task.randomisation.mass == [0.95, 1.05]


def test_equal_rollouts_are_made_once_unless_asked_for():
    nominal = evaluation_config(None, "athena", randomisation="none")
    assert nominal.evaluation.randomisation is None
    assert nominal.evaluation.rollouts == 1
    assert evaluation_config(None, "athena", rollouts=5, randomisation="none").evaluation.rollouts == 5
    asked = ["evaluation.rollouts=2", "evaluation.randomisation=none"]
    overridden = evaluation_config(None, "athena", overrides=asked).evaluation
    assert (overridden.rollouts, overridden.randomisation) == (2, None)
    # A student's noise makes rollouts differ without any randomisation.
    noisy = evaluation_config(None, "athena", randomisation="none", overrides=["ppo.obs_groups.actor=[student]"])
    assert is_random(noisy)
    assert noisy.evaluation.rollouts == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"errors": ["hight"]}, "did you mean 'height'"),
        ({"errors": []}, "evaluation.errors: no error"),
        ({"rollouts": 0}, "evaluation.rollouts: must be at least 1"),
        ({"cap_scale": 0.5}, "evaluation.cap_scale"),
        ({"buffer_gb": float("nan")}, "evaluation.buffer_gb"),
        ({"high_band": [25.0, 8.0]}, "evaluation.high_band"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_in_one_line(change, message):
    with pytest.raises(AthenaError, match=message) as caught:
        check_evaluation_config(EvaluationConfig(**change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"protocol": "athens"}, "did you mean 'athena'"),
        ({"protocol": "athena", "randomisation": "standart"}, "did you mean 'standard'"),
        ({"protocol": "athena", "overrides": ["evaluation.rollout=3"]}, "evaluation.rollouts|did you mean 'rollouts'"),
    ],
)
def test_unknown_names_suggest_the_nearest(arguments, message):
    with pytest.raises(AthenaError, match=message):
        evaluation_config(None, **arguments)
