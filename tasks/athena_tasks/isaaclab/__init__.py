"""Isaac Lab's side of the tracking task: importing this registers its gym ids.

Isaac Lab imports it through the entry point group `isaaclab.tasks`. Every robot that is registered then has its two
ids, those of packages outside this one too; the simulator is imported only when one of them is made.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

from athena_tasks import task_entries


def register() -> list[str]:
    """Register the gym ids of every known robot that have none yet; returns these."""
    import gymnasium

    new = []
    for task_id, entry in task_entries().items():
        if task_id in gymnasium.registry:
            continue
        gymnasium.register(
            id=task_id,
            entry_point="athena_tasks.isaaclab.env:TrackingDirectEnv",
            disable_env_checker=True,
            kwargs={
                "env_cfg_entry_point": _env_cfg(entry.robot, entry.play),
                "rsl_rl_cfg_entry_point": _runner_cfg(entry.robot),
                "default_agent": "rsl_rl",
            },
        )
        new.append(task_id)
    return new


# Isaac Lab asks a callable entry point for its file, which only a plain function has.
def _env_cfg(robot: str, play: bool) -> Callable[[], Any]:
    def env_cfg() -> Any:
        from athena_tasks.isaaclab.cfg import make_env_cfg

        return make_env_cfg(robot, play)

    return env_cfg


def _runner_cfg(robot: str) -> Callable[[], Any]:
    def runner_cfg() -> Any:
        from athena_tasks.isaaclab.agent import make_runner_cfg

        return make_runner_cfg(robot)

    return runner_cfg


# Gymnasium comes with Isaac Lab. Without the two there is nothing to register with, only something to say.
if importlib.util.find_spec("gymnasium") is not None:
    register()
