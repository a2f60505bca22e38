from __future__ import annotations

import copy
import math

import pytest
import torch
from rsl_rl.algorithms import PPO

from athena_wbc.errors import AthenaError
from athena_wbc.learning.config import PPOConfig, RegulariserConfig
from athena_wbc.learning.finite import TrainingDiverged
from athena_wbc.learning.models import RunningNormalizer
from athena_wbc.learning.ppo import AthenaPPO
from tests.learning.fake_env import FakeEnv
from tests.learning.small import collect, equal, small_config, weights


def trained(config: PPOConfig, iterations: int = 1, seed: int = 0) -> tuple[AthenaPPO, FakeEnv, dict[str, float]]:
    torch.manual_seed(seed)
    env = FakeEnv(num_envs=32, seed=seed)
    algorithm = AthenaPPO.for_env(env, config)
    figures: dict[str, float] = {}
    for iteration in range(iterations):
        algorithm.set_iteration(iteration)
        collect(algorithm, env)
        figures = algorithm.update()
    return algorithm, env, figures


def test_it_learns() -> None:
    torch.manual_seed(0)
    env = FakeEnv(num_envs=64)
    algorithm = AthenaPPO.for_env(env, small_config(learning_rate=3e-3, num_steps_per_env=12, entropy_coef=0.0))
    rewards = []
    for _ in range(30):
        collect(algorithm, env)
        rewards.append(float(algorithm.storage.rewards.mean()))
        figures = algorithm.update()
    assert sum(rewards[-3:]) > 1.5 * sum(rewards[:3])
    assert figures["skipped_steps"] == 0.0


def test_one_step_on_all_samples_is_rsl_rls() -> None:
    """With one minibatch the order of samples does not matter, so the parent's update is a slow reference."""
    config = small_config(num_mini_batches=1, num_learning_epochs=3, matmul_precision="highest", schedule="fixed")
    config.critic.hidden_dims = [12]
    ours, env, _ = trained(config, iterations=2)
    collect(ours, env)
    theirs = PPO(
        copy.deepcopy(ours.actor),
        copy.deepcopy(ours.critic),
        copy.deepcopy(ours.storage),
        num_learning_epochs=3,
        num_mini_batches=1,
        clip_param=config.clip_param,
        value_loss_coef=config.value_loss_coef,
        entropy_coef=config.entropy_coef,
        learning_rate=config.learning_rate,
        max_grad_norm=config.max_grad_norm,
        schedule="fixed",
    )
    theirs.optimizer.load_state_dict(_merged_optimizer_state(ours))
    theirs.storage.clear = lambda: None
    expected = theirs.update()
    figures = ours.update()
    for mine, other in ((ours.actor, theirs.actor), (ours.critic, theirs.critic)):
        for name, value in other.state_dict().items():
            torch.testing.assert_close(mine.state_dict()[name], value, rtol=1e-4, atol=1e-6, msg=name)
    for name in ("surrogate", "value", "entropy"):
        assert figures[name] == pytest.approx(expected[name], rel=1e-4, abs=1e-5)


def _merged_optimizer_state(algorithm: AthenaPPO) -> dict:
    """Our two groups as the parent's one; parameters are numbered in the same order."""
    state = copy.deepcopy(algorithm.optimizer.state_dict())
    first, second = state["param_groups"]
    state["param_groups"] = [{**first, "params": [*first["params"], *second["params"]]}]
    return state


def test_two_threads_give_the_bytes_of_one() -> None:
    networks = []
    for threads in (1, 2):
        config = small_config(update_threads=threads, regulariser=RegulariserConfig(kind="grad_caps"))
        algorithm, _, _ = trained(config, iterations=3)
        networks.append({**weights(algorithm.actor), **weights(algorithm.critic)})
    assert equal(*networks)


def test_the_learning_rate_follows_the_kl_divergence_within_its_bounds() -> None:
    rising, _, _ = trained(small_config(desired_kl=1e6, learning_rate=1e-4, max_learning_rate=3e-4))
    assert rising.learning_rate == 3e-4
    falling, _, _ = trained(small_config(desired_kl=1e-9, learning_rate=1e-3, min_learning_rate=7e-4), iterations=2)
    assert falling.learning_rate == 7e-4
    once, _, _ = trained(small_config(desired_kl=1e6, learning_rate=1e-4, num_mini_batches=1, num_learning_epochs=2))
    # The first minibatch is still the policy that acted: its divergence is zero up to rounding.
    assert once.learning_rate == pytest.approx(1.5e-4) or once.learning_rate == pytest.approx(2.25e-4)
    fixed, _, _ = trained(small_config(schedule="fixed", desired_kl=1e-9, learning_rate=1e-3))
    assert fixed.learning_rate == 1e-3


def test_groups_have_their_own_factor_on_the_learning_rate() -> None:
    algorithm, _, _ = trained(
        small_config(
            schedule="fixed", learning_rate=1e-3, actor__learning_rate_scale=0.5, critic__learning_rate_scale=2.0
        )
    )
    assert [group["lr"] for group in algorithm.optimizer.param_groups] == [5e-4, 2e-3]


def actor_bytes(algorithm: AthenaPPO) -> dict[str, torch.Tensor]:
    """Everything of the actor: weights, deviation, normaliser, and its part of the optimiser's state."""
    state = weights(algorithm.actor)
    for index, parameter in enumerate(algorithm.actor.parameters()):
        for name, value in algorithm.optimizer.state.get(parameter, {}).items():
            state[f"optimiser.{index}.{name}"] = value.clone()
    return state


def test_a_frozen_actor_keeps_every_byte_while_the_critic_learns() -> None:
    # A frozen network must stay as it is also where the optimiser already has momentum for it.
    algorithm, env, _ = trained(small_config(critic_warmup_iterations=5), iterations=0)
    algorithm.set_iteration(5)
    collect(algorithm, env)
    algorithm.update()
    algorithm.set_iteration(0)
    assert algorithm.actor_scale == 0.0
    before, critic = actor_bytes(algorithm), weights(algorithm.critic)
    assert any(name.startswith("optimiser") for name in before)
    for _ in range(3):
        collect(algorithm, env)
        figures = algorithm.update()
    assert equal(before, actor_bytes(algorithm))
    after = weights(algorithm.critic)
    assert all(not torch.equal(critic[name], after[name]) for name in critic)
    assert "surrogate" not in figures and figures["value"] > 0


def test_a_frozen_actor_acts_with_noise() -> None:
    torch.manual_seed(0)
    env = FakeEnv(num_envs=512)
    algorithm = AthenaPPO.for_env(env, small_config(critic_warmup_iterations=5, actor__init_std=0.1))
    observations = env.get_observations()
    spread = algorithm.act(observations) - algorithm.actor.mean(algorithm.actor.inputs(observations))
    assert algorithm.actor_scale == 0.0 and 0.09 < float(spread.std()) < 0.11


def test_the_actor_thaws_linearly_after_the_warm_up() -> None:
    config = small_config(critic_warmup_iterations=2, actor_unfreeze_iterations=3, actor__learning_rate_scale=0.8)
    algorithm, _, _ = trained(config, iterations=0)
    scales = []
    for iteration in range(7):
        algorithm.set_iteration(iteration)
        scales.append(algorithm.actor_scale)
    assert scales == pytest.approx([0.0, 0.0, 0.2, 0.4, 0.6, 0.8, 0.8])


def test_a_thawing_actor_does_not_drive_the_learning_rate_up() -> None:
    """Its divergence is small because its share of the rate is: only the thawed actor tells that the rate is low."""
    config = small_config(desired_kl=1e6, learning_rate=1e-4, actor_unfreeze_iterations=2)
    thawing, _, _ = trained(config, iterations=2)
    assert thawing.actor_scale < 1.0 and thawing.learning_rate == 1e-4
    thawed, _, _ = trained(config, iterations=3)
    assert thawed.actor_scale == 1.0 and thawed.learning_rate > 1e-4
    falling, _, _ = trained(small_config(desired_kl=1e-9, learning_rate=1e-3, actor_unfreeze_iterations=2))
    assert falling.learning_rate < 1e-3


def test_a_regulariser_takes_part_in_the_update_and_smooths() -> None:
    plain, env, _ = trained(small_config(), 5)
    smooth, _, figures = trained(small_config(regulariser=RegulariserConfig(kind="grad_caps", weight=100.0)), 5)
    assert figures["grad_caps"] > 0
    observations = [env.get_observations() for _ in range(3)]
    jumps = []
    for algorithm in (plain, smooth):
        one, two, three = (algorithm.actor(o).detach() for o in observations)
        jumps.append(float((three - 2 * two + one).square().sum()))
    assert jumps[1] < jumps[0]


def test_a_regulariser_on_the_target_reads_the_command_base() -> None:
    _, _, figures = trained(small_config(regulariser=RegulariserConfig(kind="grad_caps", on="target")))
    assert figures["grad_caps"] > 0


class WithoutBase(FakeEnv):
    def get_observations(self):
        return super().get_observations().exclude("command_base")


def test_a_regulariser_on_the_target_needs_the_command_base() -> None:
    config = small_config(regulariser=RegulariserConfig(kind="grad_caps", on="target"))
    with pytest.raises(AthenaError, match=r"ppo.regulariser.on: 'target' needs the observation group 'command_base'"):
        AthenaPPO.for_env(WithoutBase(), config)


def test_an_unknown_observation_group_is_named() -> None:
    config = small_config()
    config.obs_groups["actor"] = ["techer"]
    with pytest.raises(AthenaError, match=r"ppo.obs_groups.actor: the task has no observation group 'techer'"):
        AthenaPPO.for_env(FakeEnv(), config)


@pytest.mark.parametrize("poison", ["reward", "observation"])
def test_a_rollout_with_nan_changes_nothing_and_is_counted(poison: str) -> None:
    algorithm, env, _ = trained(small_config(), iterations=1)
    networks = [weights(algorithm.actor.mlp), weights(algorithm.critic.mlp)]
    env.poison = poison
    collect(algorithm, env)
    env.poison = None
    figures = algorithm.update()
    assert figures["skipped_steps"] == algorithm.skipped.total == 4
    assert equal(networks[0], weights(algorithm.actor.mlp)) and equal(networks[1], weights(algorithm.critic.mlp))
    for network in (algorithm.actor, algorithm.critic):
        assert all(torch.isfinite(value).all() for value in network.state_dict().values())
    collect(algorithm, env)
    assert algorithm.update()["skipped_steps"] == 0.0
    assert algorithm.skipped.total == 4


def test_nan_without_end_stops_with_one_line() -> None:
    algorithm, env, _ = trained(small_config(max_nonfinite_steps=10), iterations=1)
    env.poison = "reward"
    with pytest.raises(TrainingDiverged, match="10 optimiser steps in a row") as stopped:
        for _ in range(5):
            collect(algorithm, env)
            algorithm.update()
    assert "ppo.max_learning_rate" in str(stopped.value)
    assert isinstance(stopped.value, AthenaError)


def test_state_round_trip() -> None:
    first, env, _ = trained(small_config(actor__learning_rate_scale=0.5), iterations=3)
    second = AthenaPPO.for_env(FakeEnv(num_envs=32), first.config)
    second.load(copy.deepcopy(first.save()))
    assert second.learning_rate == first.learning_rate
    for algorithm in (first, second):
        torch.manual_seed(7)
        env.load_state_dict(FakeEnv(num_envs=32, seed=9).state_dict())
        collect(algorithm, env)
        algorithm.update()
    assert equal(actor_bytes(first), actor_bytes(second))


def test_the_normaliser_is_that_of_all_samples() -> None:
    torch.manual_seed(0)
    batches = [torch.randn(50, 4) * torch.tensor([1.0, 10.0, 0.1, 0.0]) + 3.0 for _ in range(3)]
    normaliser = RunningNormalizer(4)
    for batch in batches:
        normaliser.update(batch)
    everything = torch.cat(batches)
    torch.testing.assert_close(normaliser.mean, everything.mean(0))
    torch.testing.assert_close(normaliser.std, everything.std(0, unbiased=False), rtol=1e-4, atol=1e-4)
    expected = (everything - everything.mean(0)) / (everything.std(0, unbiased=False) + 1e-2)
    torch.testing.assert_close(normaliser(everything), expected, rtol=1e-3, atol=1e-3)
    assert int(normaliser.count) == 150
    normaliser.eval()
    normaliser.update(batches[0])
    assert int(normaliser.count) == 150


def test_entropy_is_that_of_the_gaussian() -> None:
    _, _, figures = trained(small_config(actor__learn_std=False, actor__init_std=0.25))
    assert figures["entropy"] == pytest.approx(3 * (0.5 * math.log(2 * math.pi * math.e) + math.log(0.25)), rel=1e-5)


def test_the_actor_can_be_exported() -> None:
    algorithm, env, _ = trained(small_config(), iterations=2)
    observations = env.get_observations()
    expected = algorithm.actor(observations).detach()
    exported = algorithm.actor.as_onnx(verbose=False).eval()
    torch.testing.assert_close(exported(observations["teacher"]), expected)
