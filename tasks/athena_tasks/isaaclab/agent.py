"""rsl_rl's own runner for `isaaclab train`: the networks and constants of our default recipe.

`isaaclab train` builds rsl_rl's runner alone, so what has to outlive a resume travels in the algorithm's save and load.
Recipes with auxiliary losses, distillation and fine-tuning are `tools/train.py --sim isaaclab`'s.
"""

from __future__ import annotations

from isaaclab.utils import configclass
from isaaclab_rl.rsl_rl import RslRlMLPModelCfg, RslRlOnPolicyRunnerCfg, RslRlPpoAlgorithmCfg
from rsl_rl.algorithms import PPO

from athena_wbc.config import load_config


class SamplerPPO(PPO):
    """PPO whose checkpoints hold the task's sampler and gravity curriculum too."""

    @staticmethod
    def construct_algorithm(obs, env, cfg, device):
        """Make rsl_rl's PPO for an environment, and remember the environment's task."""
        algorithm = PPO.construct_algorithm(obs, env, cfg, device)
        algorithm.task = env.unwrapped.task
        return algorithm

    def save(self) -> dict:
        """What rsl_rl saves, and the progress of the task."""
        return super().save() | {"athena": self.task.progress_state()}

    def load(self, loaded_dict: dict, *args, **kwargs) -> bool:
        """Load what `save` gave; a checkpoint without the task's progress leaves it as it is."""
        progress = loaded_dict.get("athena")
        if progress is not None:
            self.task.load_progress(progress)
        return super().load(loaded_dict, *args, **kwargs)


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
        class_name="athena_tasks.isaaclab.agent:SamplerPPO",
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
