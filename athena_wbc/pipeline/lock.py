"""One pipeline, or other work, at a time in a folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from athena_wbc.errors import AthenaError

NAME = ".lock"
_PATIENCE_S = 5.0


@contextlib.contextmanager
def folder_lock(folder: Path, what: str = "pipeline") -> Iterator[None]:
    """Keep others out of a folder, which is made if it is not there.

    The lock belongs to this process and to those that it forks: it goes when the last of them ends, by a kill too.
    Those of a killed pipeline end a moment later than it, so a little patience is shown.

    Args:
        what: what others are called in the message.

    Raises:
        AthenaError: another one works there, or the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise AthenaError(
            f"{folder}: cannot be written ({error.strerror}); choose another folder with --out"
        ) from error
    try:
        deadline = time.monotonic() + _PATIENCE_S
        while not _locked(descriptor):
            if time.monotonic() > deadline:
                raise AthenaError(f"{folder}: another {what} is at work there; wait for it, or choose another --out")
            time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
