"""Generators by name."""

from __future__ import annotations

import dataclasses
import importlib
import sys
import types

import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.generators import registry
from athena_wbc.synthesis.generators.registry import GENERATORS, generator_config, make_generator
from athena_wbc.synthesis.protocols import Generator


@dataclasses.dataclass
class ToyConfig:
    """Settings of the toy."""

    speed: float = 1.0


class ToyGenerator:
    """A generator that only knows its settings."""

    name = "toy"
    is_learned = False

    def __init__(self, config: ToyConfig) -> None:
        if config.speed <= 0.0:
            raise AthenaError(f"speed: must be positive, is {config.speed:g}")
        self.config = config

    def generate(self, prompts, frames, seed):
        """Nothing."""
        return []


@dataclasses.dataclass(frozen=True)
class FrozenConfig:
    """Settings that cannot be changed."""

    speed: float = 1.0


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> str:
    """A registered generator."""
    module = types.ModuleType("toy_generator_module")
    module.ToyConfig, module.ToyGenerator = ToyConfig, ToyGenerator
    monkeypatch.setitem(sys.modules, "toy_generator_module", module)
    entry = registry.GeneratorEntry("toy_generator_module", "ToyConfig", "ToyGenerator", False, "a toy")
    monkeypatch.setattr(registry, "GENERATORS", {**GENERATORS, "toy": entry})
    return "toy"


def test_options_go_over_the_defaults(toy: str) -> None:
    made = make_generator(toy, {"speed": 2}, "synthesis.generator")
    assert isinstance(made, Generator) and made.config.speed == 2.0
    assert generator_config(toy, {}, "here").speed == 1.0


def test_frozen_settings_take_options_too(toy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["toy_generator_module"], "ToyConfig", FrozenConfig)
    assert generator_config(toy, {"speed": 3.0}, "here") == FrozenConfig(3.0)


def test_what_is_unknown_or_wrong_is_one_line_with_the_place(toy: str) -> None:
    with pytest.raises(AthenaError, match=r"^synthesis.generator: generator unknown 'libary'; did you mean 'library'"):
        make_generator("libary", {}, "synthesis.generator")
    with pytest.raises(AthenaError, match=r"^loop.yaml: sped: unknown key 'sped'; did you mean 'speed'"):
        make_generator(toy, {"sped": 2}, "loop.yaml")
    with pytest.raises(AthenaError, match=r"^loop.yaml: speed: must be positive, is -1"):
        make_generator(toy, {"speed": -1.0}, "loop.yaml")
    with pytest.raises(AthenaError, match=r"^loop.yaml: speed"):
        make_generator(toy, {"speed": "fast"}, "loop.yaml")
    with pytest.raises(AthenaError, match="takes keys and values"):
        make_generator(toy, "fast", "loop.yaml")


def test_the_names_are_those_of_the_documentation() -> None:
    assert list(GENERATORS) == ["library", "mdm", "mdm_lite", "folder", "http", "irg"]


@pytest.mark.parametrize("name", ["library", "mdm", "mdm_lite", "folder", "http", "irg"])
def test_every_entry_is_true(name: str) -> None:
    entry = GENERATORS[name]
    module = importlib.import_module(entry.module)
    assert dataclasses.is_dataclass(getattr(module, entry.config))
    kind = getattr(module, entry.generator)
    assert kind.name == name
    assert generator_config(name, {}, "here") == getattr(module, entry.config)()
