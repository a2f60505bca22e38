"""Which simulator environments are made on: one small table, so that nothing else has to know.

A simulator is imported when it is asked for, and no sooner. Its environment takes the arguments of
:class:`athena_wbc.sim.env.TrackingEnv` and has its interface.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Choice:
    """A simulator, and what it is to be started with."""

    name: str
    """A key of :data:`SIMULATORS`."""
    device: str = "cpu"
    physics: str | None = None
    """Isaac Lab's engine; None for a simulator that has but one."""
    headless: bool = True

    def facts(self) -> dict[str, str | None]:
        """What results depend on, as settings and records carry it."""
        return {"simulator": self.name, "physics": self.physics}

    def options(self) -> list[str]:
        """The command line that makes this choice, but for the device."""
        window = ["--headless"] if self.headless and self.name == "isaaclab" else []
        engine = [] if self.physics is None else [f"physics={self.physics}"]
        return ["--sim", self.name, *window, *engine]


_chosen = Choice("mujoco")


def make_env(*args, **kwargs) -> TrackingEnv:
    """Make an environment on the simulator in use; arguments as :class:`athena_wbc.sim.env.TrackingEnv` has them."""
    module, _, name = SIMULATORS[_chosen.name].partition(":")
    return getattr(importlib.import_module(module), name)(*args, **kwargs)


def chosen() -> Choice:
    """The simulator in use."""
    return _chosen


def resolve_simulator(name: str) -> str:
    """The simulator that a name stands for; `auto` is the one that this Python environment is made for.

    Isaac Lab's launchers (`isaaclab -p`, `isaaclab.sh -p`) leave no trace but the interpreter that they run, and that
    has Isaac Lab installed. It holds a MuJoCo that is too old for the MuJoCo shell, so nothing else can be meant.
    """
    if name == AUTO:
        return "isaaclab" if importlib.util.find_spec("isaaclab") is not None else "mujoco"
    if name not in SIMULATORS:
        raise AthenaError(f"--sim: {suggest(name, [*SIMULATORS, AUTO])}")
    return name


@contextlib.contextmanager
def simulator(
    name: str, device: str = "cpu", physics: str | None = None, headless: bool = True, start: bool = True
) -> Iterator[None]:
    """Make environments on a simulator within the block, and start what it needs for that.

    Args:
        name: a key of :data:`SIMULATORS`, or `auto`.
        device: that it computes on.
        physics: Isaac Lab's engine; None for Newton.
        headless: without a window.
        start: False where only processes that fork from this one simulate: each calls :func:`started`, since neither
            CUDA nor Isaac Sim survives a fork.
    """
    global _chosen
    name = resolve_simulator(name)
    if name != "isaaclab" and physics is not None:
        raise AthenaError(f"physics={physics}: {name} has one engine; leave it out, or take --sim isaaclab")
    if name == "isaaclab":
        launch = importlib.import_module("athena_tasks.isaaclab.launch")
        launch.check_installation()
        physics = physics or launch.DEFAULT_ENGINE
        launch.choose_engine(physics)
    before, _chosen = _chosen, Choice(name, device, physics, headless)
    try:
        with started() if start else contextlib.nullcontext():
            yield
    finally:
        _chosen = before


@contextlib.contextmanager
def started() -> Iterator[None]:
    """Start what the chosen simulator needs, for the duration of the block."""
    with contextlib.ExitStack() as stack:
        if _chosen.name == "isaaclab":
            launch = importlib.import_module("athena_tasks.isaaclab.launch")
            stack.enter_context(launch.simulation(_chosen.device, _chosen.headless))
        yield
