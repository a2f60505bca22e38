"""The manifest of a packed corpus: one row a clip, as Parquet, with what holds for all of them in its metadata."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from athena_wbc.errors import AthenaError
from athena_wbc.files import atomic_path
from athena_wbc.motion.features import FEATURES

MANIFEST = "manifest.parquet"
FORMAT = "athena-corpus"
FORMAT_VERSION = 1
_KEY = b"athena"

COLUMNS: dict[str, str] = {
    "name": "string",
    "shard": "string",
    "offset": "int64",
    "frames": "int64",
    "fps": "float64",
    "duration": "float64",
    "source": "string",
    "licence": "string",
    "label": "string",
    "text": "string",
    **{name: "float64" for name in FEATURES if name != "duration"},
    "hash": "string",
    "history": "string",
}
"""Name and type of every column. Offset and frames are rows of the shard, duration is in s, history has one step a
line; features are null where a clip is too short for them or the robot has no two feet."""


@dataclasses.dataclass(frozen=True)
class Facts:
    """What holds for all clips of a corpus."""

    robot: str
    robot_hash: str
    joint_names: tuple[str, ...]
    """Order of the joints in a frame, behind root position and root quaternion (x, y, z, w)."""
    shards: Mapping[str, int]
    """Rows of every shard by its file name, in order."""


def parquet(what: str) -> ModuleType:
    """pyarrow's module for Parquet.

    Raises:
        AthenaError: pyarrow is not installed; ``what`` says who needs it.
    """
    try:
        import pyarrow.parquet
    except ImportError:
        raise AthenaError(f"{what}: packed corpora need pyarrow: pip install -e '.[corpus]' in the checkout") from None
    return pyarrow.parquet


def write_manifest(path: Path, columns: Mapping[str, Sequence[Any]], facts: Facts) -> None:
    """Write the table atomically; the same columns and facts give the same bytes.

    Raises:
        AthenaError: the file cannot be written.
    """
    arrow_parquet = parquet(str(path))
    import pyarrow

    meta = {"format": FORMAT, "version": FORMAT_VERSION, "quaternion_order": "xyzw", **dataclasses.asdict(facts)}
    schema = pyarrow.schema(
        [(name, pyarrow.type_for_alias(kind)) for name, kind in COLUMNS.items()],
        metadata={_KEY: json.dumps(meta, sort_keys=True).encode()},
    )
    table = pyarrow.table({name: list(columns[name]) for name in COLUMNS}, schema=schema)
    with atomic_path(path) as temporary:
        arrow_parquet.write_table(table, temporary, compression="zstd")


def read_manifest(path: Path) -> tuple[dict[str, list[Any]], Facts]:
    """Read the table: column -> values, and the facts.

    Raises:
        AthenaError: a file that is no Parquet, damaged, of another kind or version, or without a column.
    """
    arrow_parquet = parquet(str(path))
    import pyarrow

    try:
        table = arrow_parquet.read_table(path, memory_map=False)
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
        raise AthenaError(f"{path}: not a readable Parquet file ({reason}); copy it again, or pack again") from error
    try:
        meta = json.loads((table.schema.metadata or {})[_KEY])
        kind, version = meta["format"], meta["version"]
    except (KeyError, TypeError, ValueError):
        kind = version = None
    if kind != FORMAT:
        raise AthenaError(f"{path}: is not the manifest of a packed corpus; make one with athena motions pack")
    if version != FORMAT_VERSION:
        raise AthenaError(f"{path}: version {version} is not {FORMAT_VERSION}; pack the motions again")
    for name, type_name in COLUMNS.items():
        if name not in table.column_names:
            raise AthenaError(f"{path}: lacks the column '{name}'; pack the motions again")
        if table.schema.field(name).type != pyarrow.type_for_alias(type_name):
            raise AthenaError(f"{path}: column '{name}': is not of type {type_name}; pack the motions again")
    kinds = {"robot": str, "robot_hash": str, "joint_names": list, "shards": dict}
    if meta.get("quaternion_order") != "xyzw" or not all(
        isinstance(meta.get(key), kind) for key, kind in kinds.items()
    ):
        raise AthenaError(f"{path}: its metadata is incomplete; pack the motions again")
    facts = Facts(meta["robot"], meta["robot_hash"], tuple(meta["joint_names"]), meta["shards"])
    return {name: table.column(name).to_pylist() for name in COLUMNS}, facts
