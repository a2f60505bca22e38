"""Atomic writes and content hashes.

A file that this library writes is either the old one or the new one, never a part of it: the bytes go to a
temporary file in the same folder, are forced to the disk, and take the name in one rename.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from athena_wbc.errors import AthenaError

_REMEDY = {
    errno.ENOSPC: "free some space or choose another folder",
    errno.EDQUOT: "free some of your quota or choose another folder",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.EROFS: "choose a folder that you may write to",
    errno.ENOTDIR: "a part of the path is a file: choose another folder",
    errno.EEXIST: "a part of the path is a file: choose another folder",
    errno.EISDIR: "the path is a folder: name a file",
    errno.ENAMETOOLONG: "choose a shorter name",
}


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_folder(folder: Path) -> None:
    # The rename itself lives in the folder; without this a power cut may still undo it.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _refusal(path: Path, error: OSError) -> AthenaError | None:
    remedy = _REMEDY.get(error.errno or 0)
    if remedy is None:
        return None
    kept = "; the previous file is untouched" if path.is_file() else ""
    return AthenaError(f"{path}: cannot be written ({os.strerror(error.errno)}): {remedy}{kept}")


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Make a folder and those above it; a place where there can be none raises :class:`AthenaError`."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        # No such file or directory, of a folder to be made: a link to nowhere, or a file system like /proc.
        remedy = _REMEDY.get(error.errno or 0, "choose another folder")
        raise AthenaError(f"{folder}: cannot be made ({error.strerror}): {remedy}") from error
    return folder


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on a clean exit it is synced and takes the name ``path``.

    Folders on the way are made. If the block or the write fails, the temporary is removed and an existing
    file at ``path`` stays whole. A full disk, a missing permission and the like raise :class:`AthenaError`.
    """
    target = Path(path)
    temporary: Path | None = None
    try:
        make_folder(target.parent)
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=".tmp", dir=target.parent)
        os.close(descriptor)
        temporary = Path(name)
        yield temporary
        # mkstemp makes files for the owner alone; give them the mode that open() would have given.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, target)
        # A rename onto another name of the same file does nothing, by POSIX, and leaves both.
        temporary.unlink(missing_ok=True)
        _sync_folder(target.parent)
    except BaseException as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and (refusal := _refusal(target, error)) is not None:
            raise refusal from error
        raise


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary folder beside ``path``; on a clean exit it is synced and takes the name ``path``.

    A folder that is there goes, with all that it holds, once the new one is whole. If the block fails, the temporary
    is removed and ``path`` stays as it was. Failures raise as in :func:`atomic_path`.
    """
    target = Path(path)
    temporary: Path | None = None
    try:
        make_folder(target.parent)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name[:100]}.", suffix=".tmp", dir=target.parent))
        made = temporary / "new"
        made.mkdir()
        yield made
        for entry in made.iterdir():
            with open(entry, "rb") as written:
                os.fsync(written.fileno())
        _sync_folder(made)
        if target.exists():
            os.replace(target, temporary / "old")
        try:
            os.replace(made, target)
        except OSError:
            if (temporary / "old").exists():
                os.replace(temporary / "old", target)
            raise
        _sync_folder(target.parent)
    except OSError as error:
        if (refusal := _refusal(target, error)) is not None:
            raise refusal from error
        raise
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def atomic_write(path: str | os.PathLike[str], data: bytes) -> None:
    """Write ``data`` to ``path`` as one step; see :func:`atomic_path` for failures."""
    with atomic_path(path) as temporary:
        descriptor = os.open(temporary, os.O_WRONLY)
        try:
            _write_all(descriptor, data)
        finally:
            os.close(descriptor)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write ``text`` as UTF-8 through :func:`atomic_write`."""
    atomic_write(path, text.encode("utf-8"))


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # numpy scalars and arrays, torch tensors
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def write_json(path: str | os.PathLike[str], obj: Any) -> None:
    """Write ``obj`` as JSON with sorted keys and an indent of two.

    Numpy and torch values become numbers and lists. NaN and infinity have no JSON form and raise
    ``ValueError``: a caller who means "no value" writes ``None``.
    """
    text = json.dumps(obj, sort_keys=True, indent=2, allow_nan=False, default=_plain, ensure_ascii=False)
    write_text(path, text + "\n")


def sha256_file(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_json(obj: Any) -> str:
    """Return the SHA-256 of ``obj`` in a canonical JSON form: keys sorted, no spaces, NaN refused."""
    text = json.dumps(obj, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
