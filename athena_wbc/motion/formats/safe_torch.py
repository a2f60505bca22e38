"""Read the tensors of a file that torch.save wrote, without running anything that the file says.

Such a file is a zip archive: a pickle that describes the tensors, and a file of raw numbers for each storage. The
pickle is interpreted by the machine of `safe_pickle`; what comes on top are tensors, which become numpy arrays, and
members of an enumeration, which become their value. Files of torch before 1.6 are no archives and are refused.
"""

from __future__ import annotations

import functools
import math
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.safe_npz import DAMAGE, leads_outside, looks_like_zip
from athena_wbc.motion.formats.safe_pickle import Machine, Refused, Symbol, interpret

_STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "|b1",
}
_TENSOR, _ENUM, _STORAGE = "tensor", "enum", "storage"
_ENUMS = re.compile(r"protomotions(\.\w+)* \w+")
"""Globals that may be called with one number or text, which then stands for the call."""

_MOST_BYTES = 1 << 30


class _Storage:
    """Raw numbers of the archive: their type and their place."""

    def __init__(self, dtype: np.dtype, key: str) -> None:
        self.dtype = dtype
        self.key = key


class _TorchMachine(Machine):
    """Adds tensors over the storages of an archive."""

    def __init__(self, data: bytes, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(data)
        self.archive = archive
        self.folder = folder
        self.made = 0

    def symbol(self, name: str) -> Symbol:
        symbol = Symbol(name)
        module, _, last = name.partition(" ")
        if module == "torch" and last in _STORAGES:
            symbol.meaning = _STORAGE
        elif name == "torch._utils _rebuild_tensor_v2":
            symbol.meaning = _TENSOR
        elif _ENUMS.fullmatch(name):
            symbol.meaning = _ENUM
        else:
            return super().symbol(name)
        return symbol

    def call(self, symbol: Symbol, arguments: tuple) -> Any:
        if symbol.meaning == _ENUM and len(arguments) == 1 and isinstance(arguments[0], (str, int)):
            return arguments[0]
        if symbol.meaning == _TENSOR and len(arguments) >= 4:
            return self._tensor(*arguments[:4])
        return super().call(symbol, arguments)

    def _binpersid(self, _: Any) -> None:
        place = self.stack.pop()
        fits = isinstance(place, tuple) and len(place) == 5 and place[0] == "storage"
        if not fits or not isinstance(place[1], Symbol) or not isinstance(place[2], str):
            raise Refused("refers to something outside that is no storage of a tensor")
        code = _STORAGES.get(place[1].name.partition(" ")[2])
        if code is None:
            raise Refused("holds a storage of an unknown type")
        self.stack.append(_Storage(np.dtype(code), place[2]))

    def _tensor(self, storage: Any, offset: Any, shape: Any, strides: Any) -> np.ndarray:
        numbers = [offset, *shape, *strides] if isinstance(shape, tuple) and isinstance(strides, tuple) else [None]
        if not isinstance(storage, _Storage) or len(numbers) != 1 + 2 * len(shape) or len(shape) > 8:
            raise Refused("holds a tensor that cannot be understood")
        if not all(type(n) is int and 0 <= n < 2**40 for n in numbers):
            raise Refused("holds a tensor of an impossible shape")
        entry = self.archive.getinfo(f"{self.folder}data/{storage.key}")
        size = storage.dtype.itemsize
        count = math.prod(shape)
        last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True)) if count else 0
        self.made += count * size
        if last >= max(entry.file_size // size, 1) or entry.file_size > _MOST_BYTES or self.made > _MOST_BYTES:
            raise Refused("holds a tensor that is larger than its numbers: the file is damaged")
        raw = self.archive.read(entry)
        flat = np.frombuffer(raw, dtype=storage.dtype, count=len(raw) // size)
        if not count:
            return np.empty(shape, storage.dtype)
        view = np.lib.stride_tricks.as_strided(flat[offset:], shape, [step * size for step in strides])
        return view.copy()


def load_torch(path: str | Path) -> Any:
    """The object of a file of torch.save, with tensors as numpy arrays.

    Raises:
        AthenaError: no archive of torch, anything but tensors and plain values in it (named), a damaged file.
    """
    path = Path(path)
    status = path.stat()
    return _load(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=1)
def _load(path: Path, modified: int, size: int) -> Any:
    # Recognising a format and reading it both need the content; the last one is kept.
    del modified
    if not looks_like_zip(path):
        raise AthenaError(f"{path}: is no archive of torch; save it again with torch 1.6 or later")
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            outside = [name for name in names if leads_outside(name)]
            if outside:
                raise AthenaError(f"{path}: holds '{outside[0][:80]}', which points outside it; check its source")
            pickles = [name for name in names if name == "data.pkl" or name.endswith("/data.pkl")]
            if len(pickles) != 1:
                raise AthenaError(f"{path}: is no archive of torch (it lacks a data.pkl); name its --format")
            folder = pickles[0].removesuffix("data.pkl")
            order = f"{folder}byteorder"
            if order in names and archive.read(order)[:10] != b"little":
                raise AthenaError(f"{path}: was written on a big-endian machine; save it again on another")
            if archive.getinfo(pickles[0]).file_size > size:
                raise AthenaError(f"{path}: its description unpacks to more than the file; check its source")
            return interpret(path, archive.read(pickles[0]), lambda data: _TorchMachine(data, archive, folder))
    except DAMAGE as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise AthenaError(f"{path}: not a readable archive ({reason}); the file is damaged, copy it again") from error


def looks_like_torch(path: Path) -> bool:
    """Whether the file is a zip archive with the description of tensors in it."""
    if not looks_like_zip(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name == "data.pkl" or name.endswith("/data.pkl") for name in archive.namelist())
    except DAMAGE:
        return False
