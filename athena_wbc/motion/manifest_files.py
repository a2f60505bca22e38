"""The files of a manifest: two lists that `--motions` takes, and the record of how they came about."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from athena_wbc import __version__
from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.files import write_json, write_text
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.corpus import corpus_hash
from athena_wbc.motion.features import FEATURES
from athena_wbc.motion.manifest import MANIFESTS, Entry, Manifest
from athena_wbc.motion.manifest_config import ManifestConfig

_COLUMNS = ("name", "manifest", "rank", "bucket", "family", "dynamic_score", "balance_score")


def write_manifest(
    out: Path,
    manifest: Manifest,
    clips: Sequence[MotionClip],
    embodiment: Embodiment,
    config: ManifestConfig,
    motions: Sequence[str | Mapping[str, Any]],
    excluded: Sequence[str] = (),
) -> None:
    """Write `dynamic.json`, `balance.json`, `manifest.json` and `manifest.csv` into a folder.

    Args:
        motions: what the clips were read from, as entries of a JSON list of motions.
        excluded: names that were given to be left out.
    """
    for name in MANIFESTS:
        write_json(out / f"{name}.json", {"motions": motions, "clips": [e.name for e in manifest.chosen(name)]})
    record = {
        "version": __version__,
        "robot": {"name": embodiment.name, "hash": embodiment.hash},
        "motions": motions,
        "corpus": corpus_hash(clips),
        "excluded": sorted(excluded),
        "config": dataclasses.asdict(config),
        "normalisation": {name: list(bounds) for name, bounds in manifest.normalisation.items()},
        "clips": [dataclasses.asdict(entry) for entry in manifest.entries],
    }
    write_json(out / "manifest.json", record)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow((*_COLUMNS, *(f"{name}_buckets" for name in MANIFESTS), *FEATURES, "reason"))
    writer.writerows(_row(entry) for entry in manifest.entries)
    write_text(out / "manifest.csv", table.getvalue())


def motion_entries(motions: Sequence[str], options: Mapping[str, Any]) -> list[str | dict[str, Any]]:
    """Specifications as entries of a JSON list, each with how its files are read where that was said.

    Args:
        options: of `load_clips`; those that are empty or `auto` are left out.
    """
    said = {key: value for key, value in options.items() if value and value != "auto"}
    return [{"path": spec, **said} if said else spec for spec in motions]


def read_clip_names(path: Path) -> list[str]:
    """Names of clips out of a `.txt` list (one a line, # for comments), a JSON list, or the `clips` of a JSON mapping.

    Raises:
        AthenaError: no such file, something other than names in it, or none.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AthenaError(f"{path}: cannot be read ({error}); give a .txt or .json list of clip names") from None
    if path.suffix.lower() == ".json":
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise AthenaError(f"{path}: not readable as JSON ({error}); correct the file") from None
        names = content.get("clips") if isinstance(content, dict) else content
    else:
        names = [name for line in text.splitlines() if (name := line.partition("#")[0].strip())]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise AthenaError(f"{path}: names no clips; write one a line, or a JSON list of names, or leave --exclude out")
    return names


def _row(entry: Entry) -> list[Any]:
    features = [f"{getattr(entry.features, name):.6g}" if entry.features else "" for name in FEATURES]
    scores = [f"{entry.scores[name]:.6f}" if name in entry.scores else "" for name in MANIFESTS]
    buckets = [" ".join(entry.buckets.get(name, ())) for name in MANIFESTS]
    rank = "" if entry.rank is None else entry.rank
    return [entry.name, entry.manifest, rank, entry.bucket, entry.family, *scores, *buckets, *features, entry.reason]
