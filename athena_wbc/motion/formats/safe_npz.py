"""Read an npz archive without pickles, and without believing the sizes that it claims."""

from __future__ import annotations

import lzma
import math
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np

from athena_wbc.errors import AthenaError

_MOST_BYTES = 4 << 30
_MOST_EXPANSION = 200
_SMALL = 64 << 20
DAMAGE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    IndexError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
)


class Npz(Mapping[str, np.ndarray]):
    """Arrays of an npz file by key; each is read when it is asked for.

    Raises:
        AthenaError: not a zip archive, damaged, an array whose header does not fit its bytes, or one that needs
            unpickling (only arrays of numbers and text are read).
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            with zipfile.ZipFile(self.path) as archive:
                names = archive.namelist()
                self._members = {
                    entry.filename.removesuffix(".npy"): entry
                    for entry in archive.infolist()
                    if entry.filename.endswith(".npy")
                }
        except DAMAGE as error:
            raise self._damaged(error) from error
        outside = [name for name in names if leads_outside(name)]
        if outside:
            raise AthenaError(f"{self.path}: holds '{outside[0][:80]}', which points outside it; check its source")
        total = sum(entry.file_size for entry in self._members.values())
        if total > max(_SMALL, min(_MOST_BYTES, _MOST_EXPANSION * self.path.stat().st_size)):
            raise AthenaError(f"{self.path}: unpacks to {total >> 20} MiB; no motion file does, check its source")

    def __iter__(self):
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, key: object) -> bool:
        return key in self._members

    def shape(self, key: str) -> tuple[int, ...]:
        """Shape of an array, from its header alone."""
        return self._read(key, header_only=True)[0]

    def __getitem__(self, key: str) -> np.ndarray:
        if key not in self._members:
            raise AthenaError(
                f"{self.path}: key '{key}' is missing (it has {', '.join(sorted(self._members)[:12]) or 'none'})"
            )
        return self._read(key)[1]

    def _read(self, key: str, header_only: bool = False) -> tuple[tuple[int, ...], np.ndarray]:
        entry = self._members[key]
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(entry) as stream:
                shape, fortran, dtype = self._read_header(stream, key)
                size = math.prod(shape) * dtype.itemsize
                if size > entry.file_size:
                    raise AthenaError(
                        f"{self.path}: {key}: claims {size} bytes and has {entry.file_size}; the file is damaged"
                    )
                if header_only:
                    return shape, np.empty(0)
                raw = stream.read(size)
        except DAMAGE as error:
            raise self._damaged(error, key) from error
        if len(raw) != size:
            raise AthenaError(f"{self.path}: {key}: ends within its data; the file is damaged")
        array = np.frombuffer(raw, dtype=dtype) if size else np.empty(shape, dtype)
        if not is_text(array):
            raise AthenaError(f"{self.path}: {key}: holds characters that do not exist; the file is damaged")
        return shape, array.reshape(shape[::-1]).T if fortran else array.reshape(shape)

    def _read_header(self, stream: IO[bytes], key: str) -> tuple[tuple[int, ...], bool, np.dtype]:
        try:
            version = np.lib.format.read_magic(stream)
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, fortran, dtype = read[version](stream)
        except Exception as error:  # the header is Python text, and its parser fails in many ways
            raise self._damaged(error, key) from error
        if any(length < 0 for length in shape):
            raise self._damaged(ValueError(f"shape {shape}"), key)
        if dtype.hasobject:
            raise AthenaError(f"{self.path}: {key}: holds pickled objects; only arrays of numbers and text are read")
        return shape, fortran, dtype

    def _damaged(self, error: Exception, key: str = "") -> AthenaError:
        reason = (str(error) or type(error).__name__).splitlines()[0][:120]
        where = f"{self.path}: {key}" if key else str(self.path)
        return AthenaError(f"{where}: not a readable npz ({reason}); the file is damaged, copy or write it again")

    def numbers(self, key: str, shape: tuple[int | None, ...]) -> np.ndarray:
        """A numeric array as float64, its shape checked; None stands for any length.

        Raises:
            AthenaError: a missing key, another shape, not numbers.
        """
        array = self[key]
        if array.dtype.kind not in "fiub":
            raise AthenaError(f"{self.path}: {key}: holds {array.dtype}, numbers are expected; correct the file")
        fits = len(array.shape) == len(shape) and all(
            want is None or have == want for have, want in zip(array.shape, shape, strict=True)
        )
        if not fits:
            wanted = " x ".join("any" if n is None else str(n) for n in shape)
            raise AthenaError(
                f"{self.path}: {key}: has the shape {array.shape}, {wanted} is expected; correct the file"
            )
        with np.errstate(invalid="ignore", over="ignore"):  # signalling NaNs of a damaged file are for the caller
            return array.astype(np.float64)

    def texts(self, key: str) -> tuple[str, ...]:
        """The texts of a one-dimensional array.

        Raises:
            AthenaError: a missing key, something other than texts.
        """
        array = self[key]
        if array.dtype.kind not in "US" or array.ndim != 1:
            raise AthenaError(f"{self.path}: {key}: holds {array.dtype}, a list of names is expected; correct the file")
        return tuple(item.decode("utf-8", "replace") if isinstance(item, bytes) else item for item in array.tolist())

    def number(self, key: str) -> float:
        """The single number of an array with one element."""
        array = self[key]
        if array.size != 1 or array.dtype.kind not in "fiub":
            raise AthenaError(f"{self.path}: {key}: must be one number, has the shape {array.shape}")
        return float(array.reshape(-1)[0])


def is_text(array: np.ndarray) -> bool:
    """Whether an array of texts holds characters alone: numpy takes any number for one, Python fails later."""
    if array.dtype.kind != "U" or not array.dtype.itemsize:
        return True
    codes = np.frombuffer(array.tobytes(), dtype=np.dtype("u4").newbyteorder(array.dtype.byteorder))
    return not (codes > 0x10FFFF).any()


def leads_outside(name: str) -> bool:
    """Whether a name within an archive would leave the folder that the archive is unpacked to."""
    parts = name.replace("\\", "/").split("/")
    absolute = len(parts) > 1 and (not parts[0] or parts[0].endswith(":"))
    return ".." in parts or absolute


def looks_like_zip(path: Path) -> bool:
    """Whether the file starts as a zip archive."""
    with open(path, "rb") as stream:
        return stream.read(4) == b"PK\x03\x04"
