"""Which simulator environments are made on: one small table, so that nothing else has to know.

A simulator is imported when it is asked for, and no sooner. Its environment takes the arguments of
:class:`athena_wbc.sim.env.TrackingEnv` and has its interface.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
from collections.abc import Iterator
from typing import TYPE_CHECKING

from athena_wbc.errors import AthenaError, suggest

if TYPE_CHECKING:
    from athena_wbc.sim.env import TrackingEnv

SIMULATORS = {
    "mujoco": "athena_wbc.sim.env:TrackingEnv",
    "isaaclab": "athena_tasks.isaaclab.shell:IsaacLabEnv",
}
"""Name -> class of its environment."""

AUTO = "auto"
_chosen = "mujoco"


def make_env(*args, **kwargs) -> TrackingEnv:
    """Make an environment on the simulator in use; arguments as :class:`athena_wbc.sim.env.TrackingEnv` has them."""
    module, _, name = SIMULATORS[_chosen].partition(":")
    return getattr(importlib.import_module(module), name)(*args, **kwargs)


def resolve_simulator(name: str) -> str:
    """The simulator that a name stands for; `auto` is the one that this Python environment is made for.

    Isaac Lab's environment holds a MuJoCo that is too old for the MuJoCo shell, so where it is installed it is meant.
    """
    if name == AUTO:
        return "isaaclab" if importlib.util.find_spec("isaaclab") is not None else "mujoco"
    if name not in SIMULATORS:
        raise AthenaError(f"--sim: {suggest(name, [*SIMULATORS, AUTO])}")
    return name


@contextlib.contextmanager
def simulator(name: str, device: str = "cpu", physics: str | None = None, headless: bool = True) -> Iterator[None]:
    """Make environments on a simulator within the block, and start what it needs for that.

    Args:
        name: a key of :data:`SIMULATORS`, or `auto`.
        device: that it computes on.
        physics: Isaac Lab's engine; None for Newton.
        headless: without a window.
    """
    global _chosen
    name = resolve_simulator(name)
    if name != "isaaclab" and physics is not None:
        raise AthenaError(f"physics={physics}: {name} has one engine; leave it out, or take --sim isaaclab")
    before = _chosen
    with contextlib.ExitStack() as stack:
        if name == "isaaclab":
            launch = importlib.import_module("athena_tasks.isaaclab.launch")
            launch.check_installation()
            launch.choose_engine(physics or launch.DEFAULT_ENGINE)
            stack.enter_context(launch.simulation(device, headless))
        _chosen = name
        try:
            yield
        finally:
            _chosen = before
