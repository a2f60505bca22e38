"""Which simulator environments are made on."""

from __future__ import annotations

import contextlib
import importlib.util
import sys

import pytest

from athena_wbc.cli import main
from athena_wbc.errors import AthenaError
from athena_wbc.sim import registry


def test_the_mujoco_shell_is_what_a_library_call_gets():
    from athena_wbc.sim.env import TrackingEnv

    assert registry.chosen() == registry.Choice("mujoco")
    with pytest.raises(TypeError, match=TrackingEnv.__init__.__name__):
        registry.make_env(nonsense=True)


def test_auto_is_what_is_installed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert registry.resolve_simulator("auto") == "mujoco"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert registry.resolve_simulator("auto") == "isaaclab"


def test_an_unknown_simulator_names_the_nearest():
    with pytest.raises(AthenaError, match=r"^--sim: .*did you mean 'isaaclab'"):
        registry.resolve_simulator("isaclab")


def test_the_choice_ends_with_the_block():
    with registry.simulator("mujoco", "cuda:1"):
        assert registry.chosen() == registry.Choice("mujoco", "cuda:1")
    with pytest.raises(RuntimeError), registry.simulator("mujoco", "cuda:1"):
        raise RuntimeError
    assert registry.chosen() == registry.Choice("mujoco")


def test_a_choice_is_a_command_line():
    assert registry.Choice("mujoco").options() == ["--sim", "mujoco"]
    chosen = registry.Choice("isaaclab", "cuda:0", "newton_mjwarp")
    assert chosen.options() == ["--sim", "isaaclab", "--headless", "physics=newton_mjwarp"]


def test_what_results_depend_on():
    assert registry.Choice("mujoco", "cuda:1").facts() == {"simulator": "mujoco", "physics": None}
    chosen = registry.Choice("isaaclab", "cuda:0", "newton_mjwarp")
    assert chosen.facts() == {"simulator": "isaaclab", "physics": "newton_mjwarp"}


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is started and ended, with an Isaac Lab that is not there."""
    from athena_tasks.isaaclab import launch

    seen: list[str] = []

    @contextlib.contextmanager
    def simulation(device: str, headless: bool):
        seen.append(f"start {device}")
        yield
        seen.append("end")

    monkeypatch.setattr(launch, "check_installation", lambda: None)
    monkeypatch.setattr(launch, "choose_engine", lambda name: seen.append(name))
    monkeypatch.setattr(launch, "simulation", simulation)
    return seen


def test_a_simulation_starts_with_the_block(launches: list[str]):
    with registry.simulator("isaaclab", "cuda:1"):
        assert launches == ["newton_mjwarp", "start cuda:1"]
        assert registry.chosen().physics == "newton_mjwarp"
    assert launches[2:] == ["end"]


def test_where_others_simulate_nothing_starts_before_they_say_so(launches: list[str]):
    with registry.simulator("isaaclab", "cuda:1", start=False):
        assert launches == ["newton_mjwarp"]
        with registry.started():
            assert launches[1:] == ["start cuda:1"]
    assert launches[2:] == ["end"]


def test_mujoco_takes_no_engine(capsys: pytest.CaptureFixture[str], tmp_path):
    command = ["train", "--sim", "mujoco", "--out", str(tmp_path / "run"), "physics=newton_mjwarp"]
    assert main(command) == 2
    assert capsys.readouterr().err == (
        "athena: error: physics=newton_mjwarp: mujoco has one engine; leave it out, or take --sim isaaclab\n"
    )


def test_nothing_of_isaac_lab_is_imported_unasked():
    assert not any(name.partition(".")[0] == "isaaclab" for name in sys.modules)
