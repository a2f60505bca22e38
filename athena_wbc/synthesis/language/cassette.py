"""Questions and answers on file, so that a run can be repeated without a network."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from athena_wbc.errors import AthenaError
from athena_wbc.files import make_folder, sha256_json

_LOGGER = logging.getLogger(__name__)
_IMAGE = "data:image/"


class CassetteMissError(AthenaError):
    """A question that a replay holds no answer to. No fallback stands in for it: the replay would be another run."""


def without_images(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Messages of a chat with the hash of every embedded image in the image's place."""

    def plain(value: Any) -> Any:
        if isinstance(value, str):
            return f"sha256:{hashlib.sha256(value.encode()).hexdigest()}" if value.startswith(_IMAGE) else value
        if isinstance(value, Mapping):
            return {key: plain(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(inner) for inner in value]
        return value

    return [plain(message) for message in messages]


def question_key(
    model: str,
    messages: Sequence[Mapping[str, Any]],
    schema: Mapping[str, Any],
    params: Mapping[str, Any],
    seed: int,
) -> str:
    """What identifies a question: SHA-256 of everything that an answer may depend on, but for the address."""
    return sha256_json(
        {
            "model": model,
            "messages": without_images(messages),
            "schema": schema,
            "params": params,
            "seed": seed,
        }
    )


def append_line(path: Path, record: Mapping[str, Any]) -> None:
    """Append one line of JSON in one write. A line that a kill cut short before it is closed first.

    Raises:
        AthenaError: the file cannot be written.
    """
    data = (json.dumps(record, ensure_ascii=False, sort_keys=True) + "\n").encode("utf-8", "backslashreplace")
    make_folder(path.parent)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                data = b"\n" + data
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise AthenaError(
            f"{path}: cannot be written ({error.strerror}); free some space or name another file"
        ) from error


def read_lines(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """Number and content of every line of a file of JSON lines; damaged ones are left out with a warning.

    Raises:
        AthenaError: the file cannot be read.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise AthenaError(f"{path}: cannot be read ({error.strerror}); name another file") from error
    records = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line.decode("utf-8"))
        except ValueError:
            record = None
        if isinstance(record, dict):
            records.append((number, record))
        else:
            _LOGGER.warning("%s: line %d is damaged and was left out", path, number)
    return records


class Cassette:
    """Answers by the hash of their question, in a file of JSON lines; the last line of a question counts.

    Several threads and processes may write to one file. What a process has learnt once it gives again, in every
    mode, so that equal questions get equal answers in a recording as they will in its replay.
    """

    def __init__(self, path: Path, mode: str = "record") -> None:
        """Open a cassette.

        Args:
            path: the file; made at the first recording.
            mode: ``live``, ``record`` or ``replay``, see `CassetteConfig`.

        Raises:
            AthenaError: a replay of a file that is not there, or a file that cannot be read.
        """
        self.path = path
        self.mode = mode
        self._entries: dict[str, dict[str, Any]] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        if mode == "replay" and not path.is_file():
            raise AthenaError(f"{path}: no recording to replay; record one first with mode 'record'")
        if mode != "live" and path.exists():
            self._load()

    def _load(self) -> None:
        for number, record in read_lines(self.path):
            known = isinstance(record.get("key"), str) and (
                isinstance(record.get("reply"), str) or isinstance(record.get("error"), str)
            )
            if not known:
                _LOGGER.warning("%s: line %d is no answer and was left out", self.path, number)
            else:
                self._entries[record["key"]] = record
        if self.mode == "record":
            # A server that failed yesterday is asked again; a replay fails as the recording did.
            self._entries = {key: entry for key, entry in self._entries.items() if "reply" in entry}

    def __len__(self) -> int:
        return len(self._entries)

    @contextlib.contextmanager
    def claim(self, key: str) -> Iterator[None]:
        """Hold a question: another thread with the same one waits for its answer instead of asking too."""
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            yield

    def find(self, key: str, about: str) -> dict[str, Any] | None:
        """The entry of a question: ``reply`` or ``error``, with its tokens and seconds.

        Raises:
            CassetteMissError: not there, in a replay; `about` says what was asked.
        """
        entry = self._entries.get(key)
        if entry is None and self.mode == "replay":
            raise CassetteMissError(
                f"{self.path}: holds no answer to this question ({about}, key {key[:12]}); record it with mode "
                "'record': the prompts, motions, settings or messages are not those of the recording"
            )
        return entry

    def keep(self, key: str, entry: Mapping[str, Any]) -> None:
        """Write an entry to the file, and remember it."""
        content = {"key": key, **entry}
        with self._lock:
            append_line(self.path, content)
            self._entries[key] = content
