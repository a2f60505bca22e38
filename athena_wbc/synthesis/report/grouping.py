"""Which runs are repetitions of each other: equal in all that a result depends on, but for their seed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from athena_wbc.address import public_text
from athena_wbc.files import sha256_json
from athena_wbc.synthesis.report.findings import RunFindings

_NAMED = ("scheduler.name", "scheduler.ablation", "generator.name", "judge.name")
"""Keys whose values name a group."""

_FREE = ("seeds", "motions_root", "loops", "analysis", "generator.batch", "judge.batch")
"""Keys that runs of one group may differ in. Unequal numbers of loops are noted beside the comparison; the others are
places, sizes of batches and the report's own, which change no value."""

_MOST_KEYS, _MOST_TEXT = 3, 24
"""Further keys in the name of a group, and characters of a value."""

Settings = dict[str, Any]
"""Dotted key -> value, of all that a result depends on but for the seed."""


def group_runs(runs: Sequence[RunFindings]) -> tuple[dict[str, list[RunFindings]], list[str]]:
    """Put runs together that differ in their seed alone.

    Args:
        runs: with at least one loop each.

    Returns:
        Runs by the name of their group, those of the rule first; and notes on runs that are left out, because another
        one has the same configuration and seed. The one with the most loops is kept, and of equals the first.
    """
    trained = {fixed_hash(run): run.config["fixed"] for run in runs if run.config["fixed"]["checkpoint"] is None}
    groups: dict[str, list[RunFindings]] = {}
    settings: dict[str, Settings] = {}
    for run in runs:
        found = _settings(run, trained)
        key = sha256_json(found)
        settings[key] = found
        groups.setdefault(key, []).append(run)
    names = group_names(settings)
    ordered = sorted(groups, key=lambda key: (names[key].split()[0] != "rule", names[key]))
    notes: list[str] = []
    return {names[key]: _one_a_seed(groups[key], notes) for key in ordered}, notes


def group_names(settings: Mapping[str, Settings]) -> dict[str, str]:
    """Names by what differs: of the parts, and of further keys where these do not tell groups apart.

    Args:
        settings: of every group, by any key.
    """
    varying = {key for key in _NAMED if len({_told(each.get(key)) for each in settings.values()}) > 1}
    shown = [key for key in _NAMED if key in varying or key == "scheduler.name"]
    if varying and not varying & {"scheduler.name", "scheduler.ablation"}:
        shown.remove("scheduler.name")
    parts = {group: " ".join(str(each[key]) for key in shown if each.get(key)) for group, each in settings.items()}
    names = {}
    for group, part in parts.items():
        alike = [settings[other] for other in settings if parts[other] == part]
        keys = sorted(set().union(*alike))
        differing = [key for key in keys if len({_told(each.get(key)) for each in alike}) > 1]
        told = [f"{key}={_told(settings[group].get(key))}" for key in differing[:_MOST_KEYS]]
        if len(differing) > _MOST_KEYS:
            told.append(f"and {len(differing) - _MOST_KEYS} more ({group[:6]})")
        names[group] = " ".join([part, *told])
    return names


def fixed_hash(run: RunFindings) -> str:
    """What the fixed tracker is: hash of the checkpoint that was rolled out."""
    for loop in range(len(run.loops)):
        entry = run.manifest["stages"].get(f"loop_{loop}.measure", {})
        if "fixed" in entry.get("inputs", {}):
            given = run.config["fixed"]["checkpoint"]
            trained = run.manifest["stages"].get("fixed", {}).get("outputs", {})
            hashes = [digest for name, digest in trained.items() if name.endswith(".pt")]
            return hashes[0] if given is None and hashes else entry["inputs"]["fixed"]
    return ""


def _settings(run: RunFindings, trained: Mapping[str, Mapping[str, Any]]) -> Settings:
    """What a run is repeated with. A fixed tracker is what it was trained by, or, where nobody knows, its hash."""
    content = dict(run.config)
    if content["fixed"]["checkpoint"] is not None:
        digest = fixed_hash(run)
        content["fixed"] = trained.get(digest, {"checkpoint": digest})
    return {key: value for key, value in _flat(content) if key not in _FREE and key.partition(".")[0] not in _FREE}


def _flat(content: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in content.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{prefix}{key}.")
        else:
            found.append((f"{prefix}{key}", value))
    return found


def _one_a_seed(runs: Sequence[RunFindings], notes: list[str]) -> list[RunFindings]:
    """The runs with one of each seed; `notes` grows by those that are left out."""
    kept: dict[int, RunFindings] = {}
    for run in sorted(runs, key=lambda run: -len(run.loops)):
        seed = run.manifest["seed"]
        if kept.setdefault(seed, run) is not run:
            notes.append(f"{run.folder}: has the configuration and the seed {seed} of {kept[seed].folder}; left out")
    return [run for run in runs if kept[run.manifest["seed"]] is run]


def _told(value: Any) -> str:
    """A value in a few characters; a long one, and an address with what may be a secret in it, by its hash."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    is_shown = len(text) <= _MOST_TEXT and public_text(text) == text
    return text if is_shown else f"#{sha256_json(value)[:6]}"
