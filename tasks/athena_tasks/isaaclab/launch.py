"""Whether Isaac Lab can run here, and how it is started. Nothing of it is imported before that is known."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import logging
import sys
from collections.abc import Iterator
from importlib import metadata

from athena_wbc.errors import AthenaError, suggest

MAJOR = 3
_INSTALL = "run on Python 3.12: pip install -e '.[isaaclab]' in the checkout"
ENGINES = {"newton_mjwarp": "isaaclab_newton", "isaacsim_physx": "isaacsim"}
"""Names of `physics=`, and the package that each needs."""

DEFAULT_ENGINE = "newton_mjwarp"
_engine = DEFAULT_ENGINE
_log = logging.getLogger(__name__)


def check_installation() -> None:
    """Refuse where Isaac Lab is absent, of another major version, or on another Python."""
    try:
        version = metadata.version("isaaclab")
    except metadata.PackageNotFoundError:
        if sys.version_info[:2] != (3, 12):
            here = f"{sys.version_info.major}.{sys.version_info.minor}"
            raise AthenaError(f"--sim isaaclab: Isaac Lab 3 needs Python 3.12, this is {here}; {_INSTALL}") from None
        raise AthenaError(f"--sim isaaclab: Isaac Lab is not installed; {_INSTALL}") from None
    if version.partition(".")[0] != str(MAJOR):
        raise AthenaError(f"--sim isaaclab: needs Isaac Lab {MAJOR}, here is {version}; {_INSTALL}")


def choose_engine(name: str) -> None:
    """Take the physics engine for the environments that this process makes from now on."""
    global _engine
    if name not in ENGINES:
        raise AthenaError(f"physics: {suggest(name, ENGINES)}")
    if importlib.util.find_spec(ENGINES[name]) is None:
        remedy = "install Isaac Sim" if name == "isaacsim_physx" else _INSTALL
        raise AthenaError(
            f"physics={name}: the engine's package '{ENGINES[name]}' is not installed; {remedy}, "
            f"or take physics={DEFAULT_ENGINE}"
        )
    _engine = name


def physics_cfg(presets):
    """The chosen engine's configuration out of :class:`athena_tasks.isaaclab.cfg.PhysicsCfg`."""
    return getattr(presets, _engine)


@contextlib.contextmanager
def simulation(device: str, headless: bool = True) -> Iterator[None]:
    """Start the runtime that the chosen engine needs, for the duration of the block; Newton needs none."""
    check_installation()
    from isaaclab.app import add_launcher_args, launch_simulation

    from athena_tasks.isaaclab.cfg import TrackingEnvCfg

    parser = argparse.ArgumentParser()
    add_launcher_args(parser)
    arguments = parser.parse_args([])
    arguments.device, arguments.headless = device, headless
    cfg = TrackingEnvCfg()
    cfg.sim.device = device
    cfg.sim.physics = physics_cfg(cfg.sim.physics)
    with _without_tracebacks(), launch_simulation(cfg, arguments):
        yield


@contextlib.contextmanager
def _without_tracebacks() -> Iterator[None]:
    """Isaac Lab prints a traceback of every error that leaves its launcher; a user's mistake is one line."""
    import traceback

    original = traceback.print_exc

    def print_bugs(*args, **kwargs) -> None:
        if not isinstance(sys.exc_info()[1], AthenaError):
            original(*args, **kwargs)

    traceback.print_exc = print_bugs
    try:
        yield
    finally:
        traceback.print_exc = original


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Send what Isaac Lab prints while it builds an environment to the log."""
    stream = io.StringIO()
    try:
        with contextlib.redirect_stdout(stream):
            yield
    finally:
        for line in stream.getvalue().splitlines():
            _log.info("%s", line)
