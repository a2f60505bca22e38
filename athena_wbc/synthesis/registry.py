"""What judges and schedulers are made from: a class, its settings and their check, in a module imported on demand."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.layers import Layer, compose


class Entry(NamedTuple):
    """Where a part is found."""

    module: str
    part: str
    """Name of the class, which takes the settings."""
    config: str
    """Name of the dataclass of its settings."""
    check: str
    """Name of the function that refuses settings."""
    is_asking: bool = False
    """Whether it asks an endpoint, and so has errors of its own to say where they come from."""


def make_part(kind: str, entries: Mapping[str, Entry], name: str, options: Mapping[str, Any], where: str) -> Any:
    """A part by its name.

    Args:
        kind: what parts are called in messages, such as ``judge``.
        entries: the parts that there are, by name.
        name: one of them.
        options: keys and values of its settings.
        where: file and key that the options come from, for messages.

    Raises:
        AthenaError: an unknown part or option, with the nearest one, a value out of range, or what the part needs is
            missing: a package, a key.
    """
    if name not in entries:
        raise AthenaError(f"{where}: {kind} {suggest(name, entries)}")
    entry = entries[name]
    module = importlib.import_module(entry.module)
    config = compose(getattr(module, entry.config), [Layer(where, options)])
    getattr(module, entry.check)(config, where)
    make = getattr(module, entry.part)
    return make(config, where) if entry.is_asking else make(config)
