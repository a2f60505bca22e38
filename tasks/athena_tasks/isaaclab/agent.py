"""rsl_rl's own runner for `isaaclab train`: the networks and constants of our default recipe.

Recipes with auxiliary losses, distillation and fine-tuning are `tools/train.py --sim isaaclab`'s.
"""

from __future__ import annotations

from isaaclab.utils import configclass
from isaaclab_rl.rsl_rl import RslRlMLPModelCfg, RslRlOnPolicyRunnerCfg, RslRlPpoAlgorithmCfg

from athena_wbc.config import load_config


@configclass
class RunnerCfg(RslRlOnPolicyRunnerCfg):
    """The runner of `isaaclab train --rl_library rsl_rl`."""

    num_steps_per_env = 24
    max_iterations = 30000
    save_interval = 500
    experiment_name = "athena_tracking"
    obs_groups = {"actor": ["policy"], "critic": ["critic"]}


def make_runner_cfg(robot: str) -> RunnerCfg:
    """The runner behind the task ids of a robot."""
    ppo = load_config("general", given={"robot": robot}).ppo
    cfg = RunnerCfg(experiment_name=f"athena_tracking_{robot}", num_steps_per_env=ppo.num_steps_per_env)
    cfg.actor = RslRlMLPModelCfg(
        hidden_dims=list(ppo.actor.hidden_dims),
        activation=ppo.actor.activation,
        obs_normalization=True,
        distribution_cfg=RslRlMLPModelCfg.GaussianDistributionCfg(init_std=ppo.actor.init_std),
    )
    cfg.critic = RslRlMLPModelCfg(
        hidden_dims=list(ppo.critic.hidden_dims), activation=ppo.critic.activation, obs_normalization=True
    )
    cfg.algorithm = RslRlPpoAlgorithmCfg(
        class_name="athena_tasks.isaaclab.algorithm:SamplerPPO",
        value_loss_coef=ppo.value_loss_coef,
        use_clipped_value_loss=ppo.use_clipped_value_loss,
        clip_param=ppo.clip_param,
        entropy_coef=ppo.entropy_coef,
        num_learning_epochs=ppo.num_learning_epochs,
        num_mini_batches=ppo.num_mini_batches,
        learning_rate=ppo.learning_rate,
        schedule="adaptive",
        gamma=ppo.gamma,
        lam=ppo.lam,
        desired_kl=ppo.desired_kl,
        max_grad_norm=ppo.max_grad_norm,
    )
    return cfg
