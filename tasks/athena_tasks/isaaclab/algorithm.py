"""rsl_rl's PPO as `isaaclab train` runs it: the task's sampler and curriculum go along with it.

`isaaclab train` builds rsl_rl's runner alone, which knows nothing of a task. What our own runner does between two
iterations, and what has to outlive a resume, is the algorithm's part here.
"""

from __future__ import annotations

from rsl_rl.algorithms import PPO

from athena_wbc.config import Config
from athena_wbc.errors import AthenaError


class SamplerPPO(PPO):
    """PPO that tells the task how far the training is, and whose checkpoints hold the task's progress too."""

    @staticmethod
    def construct_algorithm(obs, env, cfg, device):
        """Make rsl_rl's PPO for an environment, and remember the environment's task.

        Raises:
            AthenaError: the environment is for training, by a recipe that rsl_rl's PPO would leave half undone.
        """
        environment = env.unwrapped
        if not environment.cfg.play:
            check_recipe(environment.config, environment.cfg.recipe)
        algorithm = PPO.construct_algorithm(obs, env, cfg, device)
        algorithm.task = environment.task
        algorithm.max_iterations = cfg["max_iterations"]
        algorithm.begin(0)
        return algorithm

    def begin(self, iterations: int) -> None:
        """Go on after so many iterations, for `max_iterations` more: rsl_rl counts those of a resume anew."""
        self.iterations = iterations
        """Iterations done, those before a resume included."""
        self._last = iterations + self.max_iterations
        self._tell_progress()

    def update(self) -> dict[str, float]:
        """Learn from the rollout; then several processes share the sampler's difficulties, and curricula go on."""
        losses = super().update()
        self.task.sampler.synchronise()
        self.iterations += 1
        self._tell_progress()
        return losses

    def save(self) -> dict:
        """What rsl_rl saves, the iterations done and the progress of the task."""
        return super().save() | {"iterations": self.iterations, "athena": self.task.progress_state()}

    def load(self, loaded_dict: dict, *args, **kwargs) -> bool:
        """Load what `save` gave; a checkpoint without the task's progress leaves it as it is."""
        progress = loaded_dict.get("athena")
        if progress is not None:
            self.task.load_progress(progress)
        goes_on = super().load(loaded_dict, *args, **kwargs)
        if goes_on:
            # rsl_rl counts iterations from 0: a checkpoint of its own says which one was the last.
            self.begin(loaded_dict.get("iterations", loaded_dict["iter"] + 1))
        return goes_on

    def _tell_progress(self) -> None:
        """Tell the task the share of the training that will be done when the coming iteration ends."""
        self.task.set_progress(min(1.0, (self.iterations + 1) / self._last))


def check_recipe(config: Config, recipe: str) -> None:
    """Refuse what only our own runner learns: another algorithm, an auxiliary loss, a policy to start from."""
    ppo = config.ppo
    wants = [
        what
        for what, wanted in (
            (f"ppo.algorithm={ppo.algorithm}", ppo.algorithm != "ppo"),
            (f"ppo.regulariser.kind={ppo.regulariser.kind}", ppo.regulariser.kind != "none"),
            ("ppo.init.required=true", ppo.init.required),
        )
        if wanted
    ]
    if wants:
        raise AthenaError(
            f"env.recipe: '{recipe}' has {' and '.join(wants)}, which isaaclab train's PPO leaves out; "
            "train it with tools/train.py --sim isaaclab"
        )
