"""Merge layers of configuration values over a schema of dataclasses.

A layer is a nested mapping with a name for where it came from, so that every error can say it. Mappings
merge key by key; lists and scalars replace. Three things are ours on top of OmegaConf: errors that name the
nearest known key, presets, and changes to single elements of a list. At a preset's place a bare name
stands for the mapping in ``configs/<group>/<name>.yaml``; ``{preset: name, key: value}`` changes single
values of it. Where the schema has a list of dataclasses, a mapping changes elements of what lower layers put
there: its keys are their places, or the values of their first field, as in ``terms.joint_vel.history=10``.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.resources import config_path

Schema = TypeVar("Schema")
_NOTES = ("inherit", "description")


class Preset(NamedTuple):
    """A place in the configuration where the name of a file may stand for its values."""

    group: str
    """Folder of ``configs/`` that the name is looked up in."""
    replaces: bool = True
    """Whether the file's values replace what earlier layers put there. If not they are laid over it, and what
    the file does not mention stays."""


class Layer(NamedTuple):
    """Values and where they came from (a file, or the command line)."""

    source: str
    values: Mapping[str, Any]


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file whose top level is a mapping; an empty file is an empty mapping."""
    try:
        loaded = OmegaConf.load(path)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise AthenaError(f"{path}: {where}not valid YAML: {getattr(error, 'problem', error)}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise AthenaError(f"{path}: cannot be read: {error}") from error
    if not isinstance(loaded, DictConfig):
        raise AthenaError(f"{path}: the top level must be a mapping of keys to values")
    return typing.cast("dict[str, Any]", OmegaConf.to_container(loaded))


def file_layers(group: str, name: str, _seen: tuple[str, ...] = ()) -> list[Layer]:
    """Return the layers of ``configs/<group>/<name>.yaml``: first all that it inherits, then itself.

    ``inherit`` is a name or a list of names of the same group. The keys ``inherit`` and ``description`` are
    notes and not part of the values. A circle is an :class:`AthenaError`.
    """
    path = config_path(group, name)
    if name in _seen:
        raise AthenaError(f"{path}: inherit: a circle: {' -> '.join((*_seen, name))}; take one of them out")
    values = read_yaml(path)
    parents = values.get("inherit") or []
    if isinstance(parents, str):
        parents = [parents]
    if not isinstance(parents, list) or not all(isinstance(parent, str) for parent in parents):
        raise AthenaError(f"{path}: inherit: must be a name or a list of names")
    layers: list[Layer] = []
    for parent in parents:
        try:
            layers += file_layers(group, parent, (*_seen, name))
        except AthenaError as error:
            raise error if _seen else AthenaError(f"{path}: inherit: {error}") from error
    own = {key: value for key, value in values.items() if key not in _NOTES}
    return [*layers, Layer(str(path), own)]


def override_layers(overrides: Sequence[str], source: str = "command line") -> list[Layer]:
    """Turn ``dotted.key=value`` strings into layers; values are YAML (``true``, ``1e-3``, ``[a, b]``).

    Each is a layer of its own, so that a preset and changes to it may stand side by side, in their order.
    """
    layers = []
    for override in overrides:
        key, equals, _ = override.partition("=")
        if not equals or not all(part.strip() for part in key.split(".")):
            raise AthenaError(f"{source}: '{override}': not of the form key=value, such as ppo.gamma=0.98")
        try:
            values = OmegaConf.to_container(OmegaConf.from_dotlist([override]))
        except (yaml.YAMLError, OmegaConfBaseException, ValueError, TypeError) as error:
            raise AthenaError(f"{source}: {override}: the value is not valid YAML; quote it") from error
        layers.append(Layer(source, typing.cast("dict[str, Any]", values)))
    return layers


def compose(schema: type[Schema], layers: Sequence[Layer], presets: Mapping[str, Preset] | None = None) -> Schema:
    """Lay ``layers`` over the defaults of the dataclass ``schema`` and return an instance of it.

    Args:
        schema: a dataclass of plain types, containers of them, and nested dataclasses.
        layers: lowest first.
        presets: dotted key -> the preset that a bare name at this key means.

    Raises:
        AthenaError: an unknown key with the nearest known one, or a value of another type; both name the
            layer.
    """
    merged = OmegaConf.structured(schema)
    _unlock(merged)
    for layer in layers:
        values = dict(layer.values)
        for key, preset in (presets or {}).items():
            _apply_preset(schema, merged, key, preset, Layer(layer.source, values))
        _merge(schema, merged, Layer(layer.source, values))
    try:
        return typing.cast("Schema", OmegaConf.to_object(merged))
    except MissingMandatoryValue as error:
        raise AthenaError(f"configuration: {error.full_key}: has no value; give it one") from error
    except OmegaConfBaseException as error:
        raise AthenaError(f"configuration: {error.full_key}: {_reason(error)}") from error


def _unlock(node: DictConfig) -> None:
    """Let the values of frozen dataclasses be set, as long as they are merged."""
    OmegaConf.set_readonly(node, False)
    for key in node:
        if not OmegaConf.is_missing(node, key) and isinstance(node[key], DictConfig):
            _unlock(node[key])


def _apply_preset(schema: type, merged: DictConfig, key: str, preset: Preset, layer: Layer) -> None:
    """Lay the preset that ``layer`` names at ``key`` over that node, and take the name out of the layer."""
    *parents, last = key.split(".")
    node = typing.cast("dict[str, Any]", layer.values)
    for parent in parents:
        child = node.get(parent)
        if not isinstance(child, Mapping):
            return
        node[parent] = dict(child)
        node = node[parent]
    value = node.get(last)
    if isinstance(value, str):
        name = value
        del node[last]
    elif isinstance(value, Mapping) and isinstance(value.get("preset"), str):
        name = value["preset"]
        node[last] = {inner: entry for inner, entry in value.items() if inner != "preset"}
    else:
        return
    try:
        files = file_layers(preset.group, name)
    except AthenaError as error:
        raise AthenaError(f"{layer.source}: {key}: {error}") from error
    if preset.replaces:
        default = OmegaConf.select(OmegaConf.structured(schema), key)
        OmegaConf.update(merged, key, default, merge=False)
    for file in files:
        wrapped: dict[str, Any] = dict(file.values)
        for part in reversed(key.split(".")):
            wrapped = {part: wrapped}
        _merge(schema, merged, Layer(file.source, wrapped))


def _merge(schema: type, merged: DictConfig, layer: Layer) -> None:
    """Lay the values of ``layer`` over ``merged``, in place: a copy of the whole costs more than all else."""
    values = _with_whole_lists(schema, layer.values, merged, layer.source, "")
    _check_keys(schema, schema, values, layer.source, "")
    try:
        merged.merge_with(values)
    except OmegaConfBaseException as error:
        key = error.full_key or "configuration"
        raise AthenaError(f"{layer.source}: {key}: {_reason(error)}") from error
    except (TypeError, ValueError) as error:
        raise AthenaError(f"{layer.source}: {error}") from error


def _with_whole_lists(schema: type, values: Mapping[str, Any], merged: Any, source: str, prefix: str) -> dict[str, Any]:
    """The values with every mapping that changes elements of a list replaced by the whole changed list."""
    whole = dict(values)
    hints = typing.get_type_hints(schema)
    for key in whole.keys() & hints.keys():
        kind, inner = _element(hints[key])
        value, full = whole[key], f"{prefix}{key}"
        if not (dataclasses.is_dataclass(inner) and isinstance(value, Mapping)) or OmegaConf.is_missing(merged, key):
            continue
        if kind == "list":
            whole[key] = _changed_list(inner, OmegaConf.to_container(merged[key]), value, source, full)
        elif kind == "one":
            below = OmegaConf.structured(inner) if merged[key] is None else merged[key]
            whole[key] = _with_whole_lists(inner, value, below, source, f"{full}.")
    return whole


def _changed_list(inner: type, elements: list[Any], changes: Mapping[Any, Any], source: str, full: str) -> list[Any]:
    """Elements of a list, those that `changes` names changed; see the module's text for its keys."""
    label = dataclasses.fields(inner)[0].name
    names = [element[label] for element in elements]
    for key, change in changes.items():
        place = f"{source}: {full}.{key}"
        if str(key).isdecimal():
            index = int(key)
            if index >= len(elements):
                raise AthenaError(f"{place}: there are {len(elements)} elements, the first is 0")
        elif names.count(key) == 1:
            index = names.index(key)
        elif key in names:
            places = ", ".join(str(index) for index, name in enumerate(names) if name == key)
            raise AthenaError(f"{place}: there are several; give a place instead of the name: {places}")
        else:
            raise AthenaError(f"{place}: {suggest(str(key), names)}")
        if not isinstance(change, Mapping):
            raise AthenaError(f"{place}: takes keys and values, not '{change}'")
        elements[index] = elements[index] | dict(change)
    return elements


def _reason(error: OmegaConfBaseException) -> str:
    """Return the first line of OmegaConf's message; the lines after it repeat the key and the class."""
    return str(error).strip().splitlines()[0]


def _check_keys(root: type, schema: Any, values: Any, source: str, prefix: str) -> None:
    """Compare the keys of ``values`` with those of the dataclass ``schema``, all the way down."""
    if not dataclasses.is_dataclass(schema) or values is None:
        return
    if not isinstance(values, Mapping):
        raise AthenaError(f"{source}: {prefix.rstrip('.')}: takes keys and values, not '{values}'")
    hints = typing.get_type_hints(schema)
    known = [entry.name for entry in dataclasses.fields(schema)]
    for key, value in values.items():
        full = f"{prefix}{key}"
        if isinstance(key, bool):
            raise AthenaError(
                f"{source}: {full}: YAML reads a bare on, off, yes or no as a truth value; quote this key"
            )
        if key not in known:
            raise AthenaError(f"{source}: {full}: {_unknown_key(root, str(key), known, prefix)}")
        kind, inner = _element(hints[key])
        if kind == "one":
            _check_keys(root, inner, value, source, f"{full}.")
        elif kind == "mapping" and isinstance(value, Mapping):
            for name, entry in value.items():
                _check_keys(root, inner, entry, source, f"{full}.{name}.")
        elif kind == "list" and isinstance(value, list):
            for index, entry in enumerate(value):
                _check_keys(root, inner, entry, source, f"{full}.{index}.")


def _unknown_key(root: type, key: str, known: Sequence[str], prefix: str) -> str:
    # A key that exists elsewhere was most likely meant there: gamma -> ppo.gamma.
    elsewhere = [path for path in _paths(root) if path.rpartition(".")[2] == key and path != f"{prefix}{key}"]
    if elsewhere:
        return f"unknown key; did you mean '{elsewhere[0]}'?"
    return suggest(key, known).replace("unknown", "unknown key", 1)


def _paths(schema: Any, prefix: str = "") -> Iterator[str]:
    hints = typing.get_type_hints(schema)
    for entry in dataclasses.fields(schema):
        yield f"{prefix}{entry.name}"
        kind, inner = _element(hints[entry.name])
        if kind == "one" and dataclasses.is_dataclass(inner):
            yield from _paths(inner, f"{prefix}{entry.name}.")


def _element(hint: Any) -> tuple[str, Any]:
    """Return ("one" | "mapping" | "list", the type of the value or of its elements), ``None`` unwrapped."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        inner = [part for part in typing.get_args(hint) if part is not type(None)]
        return _element(inner[0]) if len(inner) == 1 else ("one", hint)
    arguments = typing.get_args(hint)
    if origin is dict and len(arguments) == 2:
        return "mapping", arguments[1]
    if origin is list and arguments:
        return "list", arguments[0]
    return "one", hint
