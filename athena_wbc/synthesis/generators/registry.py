"""Generators by name. A generator's module is imported when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.layers import Layer, compose
from athena_wbc.synthesis.protocols import Generator

_PACKAGE = "athena_wbc.synthesis.generators"


class GeneratorEntry(NamedTuple):
    """Where a generator is found and what it is."""

    module: str
    config: str
    """Name of the dataclass of its settings."""
    generator: str
    """Name of the class, which takes the settings."""
    is_learned: bool
    """What it says of its motions where its options do not change that."""
    description: str


GENERATORS: Mapping[str, GeneratorEntry] = {
    "library": GeneratorEntry(
        f"{_PACKAGE}.library", "LibraryConfig", "LibraryGenerator", False,
        "composes recorded and procedural moves; offline, nothing learned",
    ),
    "mdm": GeneratorEntry(
        f"{_PACKAGE}.mdm.generator", "MdmConfig", "MdmGenerator", True,
        "motion diffusion model with weights that you place",
    ),
    "mdm_lite": GeneratorEntry(
        f"{_PACKAGE}.mdm.lite", "LiteConfig", "MdmLiteGenerator", True,
        "small motion diffusion model, trained on the spot from captioned motions",
    ),
    "folder": GeneratorEntry(
        f"{_PACKAGE}.folder", "FolderConfig", "FolderGenerator", False,
        "motions from a folder, matched to prompts by an index or by their captions",
    ),
    "http": GeneratorEntry(
        f"{_PACKAGE}.http", "HttpConfig", "HttpGenerator", True,
        "asks a server of yours",
    ),
    "irg": GeneratorEntry(
        "athena_wbc.synthesis.refine.remote", "RemoteConfig", "RemoteIrg", True,
        "asks an IRG-MotionLLM service of yours, which refines what it shows",
    ),
}  # fmt: skip
"""Name -> where it is and what it is."""


def generator_config(name: str, options: Mapping[str, Any], where: str) -> Any:
    """The settings of a generator: the defaults of its dataclass with `options` over them.

    Raises:
        AthenaError: an unknown generator or option, with the nearest known one, or a value of another type.
    """
    entry = _entry(name, where)
    schema = getattr(importlib.import_module(entry.module), entry.config)
    if not isinstance(options, Mapping):
        raise AthenaError(f"{where}: options: takes keys and values, not '{options}'")
    return compose(schema, [Layer(where, options)])


def make_generator(name: str, options: Mapping[str, Any], where: str) -> Generator:
    """A generator by its name.

    Args:
        name: one of :data:`GENERATORS`.
        options: values of its settings; what is not named is at its default.
        where: beginning of error messages, such as ``synthesis.generator`` or a file and key.

    Raises:
        AthenaError: an unknown generator or option, with the nearest known one, or a value that cannot be.
    """
    config = generator_config(name, options, where)
    entry = GENERATORS[name]
    try:
        return getattr(importlib.import_module(entry.module), entry.generator)(config)
    except AthenaError as error:
        raise AthenaError(f"{where}: {error}") from None


def _entry(name: str, where: str) -> GeneratorEntry:
    if name not in GENERATORS:
        raise AthenaError(f"{where}: generator {suggest(name, GENERATORS)}")
    return GENERATORS[name]
