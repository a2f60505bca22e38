"""The configuration: one dataclass that holds the schema, YAML files that hold values.

The schema's parts live beside their code (``task/config.py``, ``sim/config.py``, ``learning/config.py``,
``evaluation/config.py``). Values are laid over its defaults in this order: ``configs/task/base.yaml``, the
recipe with everything that it inherits, and ``key=value`` from the command line. A later value wins. See
:mod:`athena_wbc.layers` for how layers merge.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from athena_wbc.errors import AthenaError
from athena_wbc.evaluation.config import EvaluationConfig
from athena_wbc.files import write_text
from athena_wbc.layers import Layer, Preset, compose, file_layers, override_layers, read_yaml
from athena_wbc.learning.config import PPOConfig
from athena_wbc.resources import config_names, config_path
from athena_wbc.sim.config import SimConfig
from athena_wbc.task.config import CRITIC_ONLY, TaskConfig

PRESETS = {
    "task.observations": Preset("observations"),
    "task.randomisation": Preset("randomisation"),
    # Which groups the networks see and which regulariser acts are the recipe's choice: ppo=demo keeps them.
    "ppo": Preset("ppo", replaces=False),
    "evaluation": Preset("evaluation"),
}
"""Where the name of a file may stand for its values."""


@dataclass
class Config:
    """Everything that decides a run, apart from the motions and the machine."""

    robot: str = "g1"
    """Name of a registered robot, or the path of a ``robot.yaml``."""
    seed: int = 0
    """Seed of torch, numpy, the sampler and the simulator."""
    task: TaskConfig = field(default_factory=TaskConfig)
    sim: SimConfig = field(default_factory=SimConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)


def load_config(recipe: str, overrides: Sequence[str] = (), given: Mapping[str, Any] | None = None) -> Config:
    """Compose the configuration of ``recipe`` with ``key=value`` overrides.

    Args:
        recipe: a name in ``configs/recipe``, or the path of a YAML file of one's own.
        overrides: ``dotted.key=value`` strings; values are YAML. They win over everything.
        given: dotted key -> value, from the other options of a command; laid between the recipe and
            ``overrides``, one after the other, so that a preset may stand before changes to it.

    Raises:
        AthenaError: an unknown recipe, preset or key (with the nearest known one), or a value of another
            type; the message starts with where it came from. Also an actor that would see what only the critic
            may.
    """
    layers = [Layer(source, {"task": values}) for source, values in file_layers("task", "base")]
    return _checked(compose(Config, [*layers, *file_layers("recipe", recipe), *_changes(given, overrides)], PRESETS))


def config_from_dict(
    values: Mapping[str, Any], source: str, overrides: Sequence[str] = (), given: Mapping[str, Any] | None = None
) -> Config:
    """Rebuild a configuration from :func:`to_dict`'s mapping, as a checkpoint or ``config.yaml`` holds it.

    ``source`` stands in errors for where the mapping is from; the rest is as in :func:`load_config`.
    """
    return _checked(compose(Config, [Layer(source, values), *_changes(given, overrides)], PRESETS))


def read_config(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Config:
    """Read a resolved ``config.yaml`` that :func:`save_config` wrote."""
    return config_from_dict(read_yaml(Path(path)), str(path), overrides)


def to_dict(config: Config) -> dict[str, Any]:
    """Return the configuration as nested plain containers."""
    return dataclasses.asdict(config)


def to_yaml(config: Config) -> str:
    """Return the resolved configuration as YAML, every value written out."""
    return OmegaConf.to_yaml(OmegaConf.create(to_dict(config)))


def save_config(path: str | os.PathLike[str], config: Config) -> None:
    """Write :func:`to_yaml` to ``path`` in one step."""
    write_text(path, to_yaml(config))


def recipe_descriptions() -> dict[str, str]:
    """Return the recipes that come with the library: name -> what its ``description`` says."""
    described = {}
    for name in config_names("recipe"):
        path = config_path("recipe", name)
        described[name] = str(read_yaml(path).get("description", ""))
    return described


def _checked(config: Config) -> Config:
    """Refuse what no part's own check can see: an actor's observation group with a term for the critic alone."""
    for name in config.ppo.obs_groups.get("actor", []):
        group = getattr(config.task.observations, name, None)
        for index, term in enumerate(group.terms if group is not None else []):
            if term.term in CRITIC_ONLY:
                raise AthenaError(
                    f"task.observations.{name}.terms[{index}]: '{term.term}' is for the critic alone, but "
                    "ppo.obs_groups.actor names this group; remove the term or give the actor another group"
                )
    return config


def _changes(given: Mapping[str, Any] | None, overrides: Sequence[str]) -> list[Layer]:
    layers = []
    for key, value in (given or {}).items():
        for part in reversed(key.split(".")):
            value = {part: value}
        layers.append(Layer("option", value))
    return [*layers, *override_layers(overrides)]
