"""The files behind a generator: whether they are there, and a digest of what they hold."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from pathlib import Path

from athena_wbc.errors import AthenaError
from athena_wbc.files import sha256_file, sha256_json
from athena_wbc.synthesis.protocols import Generator


def generator_files(generator: Generator) -> tuple[Path, ...]:
    """Files and folders that a generator's motions are made from beside its settings; none where it names none.

    Raises:
        AthenaError: a setting names none although the generator needs one.
    """
    files = getattr(generator, "files", None)
    return () if files is None else tuple(files())


def check_sources(paths: Iterable[Path]) -> None:
    """Refuse what is not there, or would not be found from another folder.

    Raises:
        AthenaError: names the path.
    """
    for path in paths:
        if not path.exists():
            raise AthenaError(f"{path}: no such file or folder; put the path right")
        if not path.is_absolute():
            raise AthenaError(f"{path}: would be looked for in the folder of the run; write ./{path}")


def sources_digest(paths: Sequence[Path]) -> str:
    """SHA-256 of the names, sizes and contents of files; of a folder all below it, but for hidden ones.

    Raises:
        AthenaError: one of them cannot be read.
    """
    try:
        return sha256_json([[_told(file, path) for file in _files(path)] for path in paths])
    except OSError as error:
        raise AthenaError(f"{error.filename}: cannot be read ({error.strerror}); put it back") from error


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    below = (file for file in path.rglob("*") if file.is_file())
    return sorted(file for file in below if not any(part.startswith(".") for part in file.relative_to(path).parts))


def _told(file: Path, top: Path) -> tuple[str, int, str]:
    name = file.name if file == top else file.relative_to(top).as_posix()
    state = file.stat()
    return name, state.st_size, _content(file, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=1 << 16)
def _content(file: Path, size: int, time_ns: int) -> str:
    """Hash of a file, read again only where its size or its time is another: weights are large, stages many."""
    return sha256_file(file)
