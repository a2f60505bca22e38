"""Read arrays and plain containers out of a pickle without running anything that the pickle says.

A pickle is a program. The library's own unpickler executes it, and a filter on the names that it may import still
runs `__setstate__` and `__reduce__` of what passes. Here the opcodes are taken one by one from
`pickletools.genops` and interpreted on a stack of our own: numbers, strings, lists, tuples, dictionaries and sets are
built directly, and the few globals by which numpy and joblib describe arrays are symbols, never imported or called.
Everything else is refused with one line that names it.

Handled: plain pickles (protocols 0 to 5, numpy 1 and 2), joblib files (raw array bytes between the opcodes), and both
compressed with zlib or gzip.
"""

from __future__ import annotations

import functools
import io
import math
import pickletools
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.safe_npz import is_text

_ARRAY_STUB, _DTYPE, _SCALAR, _FROM_BUFFER = "array stub", "dtype", "scalar", "array from buffer"
_ARRAY_CLASS, _JOBLIB, _ENCODE = "array class", "joblib array", "encode"
_CONTAINERS = {
    "dict": dict,
    "list": list,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "bytes": bytes,
}

_GLOBALS: dict[str, str] = {
    "numpy ndarray": _ARRAY_CLASS,
    "numpy dtype": _DTYPE,
    "joblib.numpy_pickle NumpyArrayWrapper": _JOBLIB,
    "_codecs encode": _ENCODE,
    "collections OrderedDict": "dict",
}
for _core in ("numpy.core", "numpy._core"):
    _GLOBALS[f"{_core}.multiarray _reconstruct"] = _ARRAY_STUB
    _GLOBALS[f"{_core}.multiarray scalar"] = _SCALAR
    _GLOBALS[f"{_core}.numeric _frombuffer"] = _FROM_BUFFER
for _builtins in ("builtins", "__builtin__"):
    _GLOBALS.update({f"{_builtins} {_name}": _name for _name in _CONTAINERS})

_SIMPLE_DTYPE = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248]|[US]\d{1,5}|O8?)")
_KEY_TYPES = (str, int, float, bytes, bool, type(None))
_MOST_EXPANSION = 200
_LEAST_CEILING = 64 << 20


class Refused(Exception):
    """What is wrong with the content; the caller adds the file."""


class Symbol:
    """A global that the pickle names; `meaning` is None where it is not one of ours."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.meaning = _GLOBALS.get(name)


class _Dtype:
    """A dtype under construction: its code, and its byte order, which follows as state."""

    def __init__(self, code: Any) -> None:
        if not isinstance(code, str) or not _SIMPLE_DTYPE.fullmatch(code):
            raise Refused(f"holds an array of dtype {code!r}, which is not a plain number or text")
        self.code = code

    def set_state(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 5 or state[1] not in ("<", ">", "|", "="):
            raise Refused("holds a dtype that cannot be understood")
        if any(part is not None for part in state[2:5]):
            raise Refused("holds a structured array; only plain arrays are read")
        self.code = ("" if state[1] == "|" else state[1]) + self.code.lstrip("<>|=")

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(self.code)


class _Array:
    """An array under construction; pickles refer to it before its content has arrived."""

    def __init__(self) -> None:
        self.value: np.ndarray | None = None

    def fill(self, shape: Any, dtype: Any, fortran: bool, raw: Any) -> None:
        if not isinstance(dtype, _Dtype) or not isinstance(shape, tuple):
            raise Refused("holds an array that cannot be understood")
        if not all(isinstance(n, int) and 0 <= n < 2**40 for n in shape) or len(shape) > 16:
            raise Refused(f"holds an array of the impossible shape {shape!r}")
        count = math.prod(shape)
        if dtype.dtype.hasobject:
            if not isinstance(raw, list) or len(raw) != count:
                raise Refused("holds an object array that cannot be understood")
            self.value = np.empty(count, dtype=object)
            for i, item in enumerate(raw):
                self.value[i] = item
            self.value = self.value.reshape(shape, order="F" if fortran else "C")
            return
        if isinstance(raw, str):  # protocol 0 of Python 2 wrote bytes as text
            raw = raw.encode("latin-1")
        if not isinstance(raw, (bytes, bytearray)) or len(raw) != count * dtype.dtype.itemsize:
            raise Refused("holds an array whose bytes do not fit its shape: the file is damaged")
        flat = np.frombuffer(bytes(raw), dtype=dtype.dtype)
        if not is_text(flat):
            raise Refused("holds characters that do not exist: the file is damaged")
        self.value = flat.reshape(shape, order="F" if fortran else "C").copy()


class _JoblibArray(_Array):
    """joblib's description of an array whose raw bytes follow in the file."""


_MARK = object()


class Machine:
    """The stack machine. `run` interprets the opcodes of one pickle and returns the object on top."""

    def __init__(self, data: bytes) -> None:
        self.stream = io.BytesIO(data)
        self.size = len(data)
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        for opcode, argument, _ in pickletools.genops(self.stream):
            name = opcode.name
            if name == "STOP":
                return self.stack.pop()
            if name in _IGNORED:
                continue
            if name in _LITERALS:
                self.stack.append(argument)
            elif name in _CONSTANTS:
                self.stack.append(_CONSTANTS[name]())
            else:
                action = getattr(self, f"_{name.lower()}", None)
                if action is None:
                    raise Refused(f"uses the pickle instruction {name}, which arrays do not need")
                action(argument)
        raise Refused("ends before its pickle does: the file is truncated")

    def _items(self) -> list[Any]:
        """Everything above the last mark, which is taken off too."""
        at = len(self.stack) - 1
        while self.stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise Refused("is damaged: a pickle instruction lacks its mark")
        items = self.stack[at + 1 :]
        del self.stack[at:]
        return items

    def _top(self, kind: type) -> Any:
        top = self.stack[-1]
        if type(top) is not kind:
            raise Refused(f"is damaged: a pickle instruction needs a {kind.__name__}")
        return top

    def _pop(self, _: Any) -> None:
        self.stack.pop()

    def _pop_mark(self, _: Any) -> None:
        self._items()

    def _dup(self, _: Any) -> None:
        self.stack.append(self.stack[-1])

    def _list(self, _: Any) -> None:
        self.stack.append(self._items())

    def _tuple(self, _: Any) -> None:
        self.stack.append(tuple(self._items()))

    def _tuple1(self, _: Any) -> None:
        self.stack[-1:] = [(self.stack[-1],)]

    def _tuple2(self, _: Any) -> None:
        self.stack[-2:] = [(self.stack[-2], self.stack[-1])]

    def _tuple3(self, _: Any) -> None:
        self.stack[-3:] = [(self.stack[-3], self.stack[-2], self.stack[-1])]

    def _dict(self, _: Any) -> None:
        self.stack.append(_pairs(self._items()))

    def _frozenset(self, _: Any) -> None:
        self.stack.append(frozenset(_keys(self._items())))

    def _append(self, _: Any) -> None:
        item = self.stack.pop()
        self._top(list).append(item)

    def _appends(self, _: Any) -> None:
        items = self._items()
        self._top(list).extend(items)

    def _setitem(self, _: Any) -> None:
        pair = self.stack[-2:]
        del self.stack[-2:]
        self._top(dict).update(_pairs(pair))

    def _setitems(self, _: Any) -> None:
        items = self._items()
        self._top(dict).update(_pairs(items))

    def _additems(self, _: Any) -> None:
        items = self._items()
        self._top(set).update(_keys(items))

    def _get(self, index: int) -> None:
        self.stack.append(self.memo[index])

    _binget = _long_binget = _get

    def _put(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    _binput = _long_binput = _put

    def _memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _global(self, name: str) -> None:
        self.stack.append(self.symbol(name))

    _inst = _global

    def symbol(self, name: str) -> Symbol:
        """What a global of this name means; raises Refused where it is not one of ours."""
        return _known(name)

    def call(self, symbol: Symbol, arguments: tuple) -> Any:
        """What calling a global stands for; raises Refused where arrays do not need it."""
        return _call(symbol, arguments)

    def _stack_global(self, _: Any) -> None:
        module, name = self.stack[-2:]
        del self.stack[-2:]
        self.stack.append(self.symbol(f"{module} {name}"))

    def _newobj(self, _: Any) -> None:
        arguments = self.stack.pop()
        symbol = self._top(Symbol)
        if symbol.meaning != _JOBLIB or arguments != ():
            raise Refused(f"makes an object of '{symbol.name.replace(' ', '.')}', which is no array")
        self.stack[-1] = _JoblibArray()

    def _reduce(self, _: Any) -> None:
        arguments = self.stack.pop()
        symbol = self._top(Symbol)
        if not isinstance(arguments, tuple):
            raise Refused("is damaged: a pickle instruction needs a tuple")
        self.stack[-1] = self.call(symbol, arguments)

    def _build(self, _: Any) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if type(target) is _Dtype:
            target.set_state(state)
        elif type(target) is _Array and isinstance(state, tuple) and len(state) == 5:
            target.fill(state[1], state[2], bool(state[3]), state[4])
        elif type(target) is _JoblibArray and isinstance(state, dict):
            self._read_raw(target, state)
        else:
            raise Refused("sets the state of something that is no array")

    def _read_raw(self, target: _JoblibArray, state: dict) -> None:
        """Fill a joblib array from the bytes that follow the current instruction."""
        dtype, shape = state.get("dtype"), state.get("shape")
        if not isinstance(dtype, _Dtype) or dtype.dtype.hasobject or not isinstance(shape, tuple):
            raise Refused("holds a joblib array of objects; only arrays of numbers are read")
        if not all(isinstance(n, int) and n >= 0 for n in shape):
            raise Refused(f"holds an array of the impossible shape {shape!r}")
        if state.get("numpy_array_alignment_bytes") is not None:
            padding = self.stream.read(1)
            self.stream.seek(padding[0] if padding else 0, io.SEEK_CUR)
        needed = math.prod(shape) * dtype.dtype.itemsize
        if needed > self.size - self.stream.tell():
            raise Refused("ends within an array: the file is truncated")
        target.fill(shape, dtype, state.get("order") == "F", self.stream.read(needed))


_IGNORED = frozenset(("PROTO", "FRAME"))
_LITERALS = frozenset(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING UNICODE "
    "SHORT_BINUNICODE BINUNICODE BINUNICODE8 SHORT_BINBYTES BINBYTES BINBYTES8 BYTEARRAY8".split()
)
_CONSTANTS = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "MARK": lambda: _MARK,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
}


def _known(name: str) -> Symbol:
    symbol = Symbol(name)
    if symbol.meaning is None:
        dotted = re.sub(r"[^\w.<>-]", "?", name.replace(" ", "."))[:80]
        raise Refused(
            f"refers to the global '{dotted}', and only arrays and plain containers are read; "
            "ask its author for a file of arrays"
        )
    return symbol


def _keys(items: list[Any]) -> list[Any]:
    # A key's hash may run for long or recurse deeply; plain keys are all that data needs.
    for item in items:
        if not isinstance(item, _KEY_TYPES):
            raise Refused("holds a dictionary or set with keys that are not names or numbers")
    return items


def _pairs(items: list[Any]) -> dict[Any, Any]:
    if len(items) % 2:
        raise Refused("is damaged: a dictionary has a key without a value")
    return dict(zip(_keys(items[0::2]), items[1::2], strict=True))


def _call(symbol: Symbol, arguments: tuple) -> Any:
    meaning = symbol.meaning
    if meaning == _DTYPE and arguments:
        return _Dtype(arguments[0])
    if meaning == _ARRAY_STUB:
        return _Array()
    if meaning == _SCALAR and len(arguments) == 2:
        scalar = _Array()
        scalar.fill((), arguments[0], False, arguments[1])
        return scalar
    if meaning == _FROM_BUFFER and len(arguments) == 4:
        array = _Array()
        raw, dtype, shape, order = arguments
        array.fill(shape, dtype, order == "F", raw)
        return array
    if meaning == _ENCODE and len(arguments) == 2 and arguments[1] == "latin1" and type(arguments[0]) is str:
        return arguments[0].encode("latin-1")
    if meaning in _CONTAINERS and len(arguments) <= 1:
        items = arguments[0] if arguments else []
        if not items:
            return _CONTAINERS[meaning]()
        if meaning not in ("dict", "bytes") and isinstance(items, (list, tuple)):
            return _CONTAINERS[meaning](_keys(list(items)) if "set" in meaning else items)
    raise Refused(f"calls '{symbol.name.replace(' ', '.')}' in a way that arrays do not need")


def _finished(value: Any, seen: dict[int, tuple[Any, Any]]) -> Any:
    """The object with every array under construction replaced by its array; `seen` is by identity."""
    if isinstance(value, _Array):
        if value.value is None:
            raise Refused("holds an array without content: the file is damaged")
        if value.value.dtype.hasobject:
            for i, item in enumerate(value.value.flat):
                value.value.flat[i] = _finished(item, seen)
        return value.value[()] if value.value.ndim == 0 else value.value
    if isinstance(value, _Dtype):
        return value.dtype
    if isinstance(value, Symbol) or value is _MARK:
        raise Refused("holds something that is no array and no plain container")
    if not isinstance(value, (list, tuple, dict)):
        return value
    if id(value) in seen:
        return seen[id(value)][1]
    seen[id(value)] = (value, value)  # keeps the object alive, so that its id stays its own
    if isinstance(value, tuple):
        result = tuple(_finished(item, seen) for item in value)
        seen[id(value)] = (value, result)
        return result
    if isinstance(value, list):
        value[:] = [_finished(item, seen) for item in value]
    else:
        for key in value:
            value[key] = _finished(value[key], seen)
    return value


def _inflated(data: bytes) -> bytes:
    """Undo zlib or gzip, with a ceiling that no motion reaches but a decompression bomb does."""
    ceiling = max(_LEAST_CEILING, _MOST_EXPANSION * len(data))
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    plain = stream.decompress(data, ceiling)
    if stream.unconsumed_tail:
        raise Refused(f"unpacks to more than {ceiling >> 20} MiB; write it without compression")
    if not stream.eof:
        raise Refused("ends within its compressed data: the file is truncated")
    return plain


_OTHER_COMPRESSION = {b"BZh": "bz2", b"\xfd7zXZ": "xz", b"]\x00\x00": "lzma", b"\x04\x22\x4d\x18": "lz4"}


def looks_like_pickle(path: Path) -> bool:
    """Whether the file starts as a pickle (protocol 2 or later), or as zlib or gzip data."""
    with open(path, "rb") as stream:
        head = stream.read(2)
    return head[:1] == b"\x80" or head[:1] == b"\x78" or head == b"\x1f\x8b"


def load_pickle(path: str | Path) -> Any:
    """Read a pickle that holds numpy arrays, numbers, text and plain containers, and nothing else.

    Returns:
        The object; arrays are fresh `numpy.ndarray`s, numpy scalars stay numpy scalars.

    Raises:
        AthenaError: any other global or instruction (named), a truncated or damaged file.
    """
    path = Path(path)
    status = path.stat()
    return _load(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=1)
def _load(path: Path, modified: int, size: int) -> Any:
    # Recognising a format and reading it both need the content; the last one is kept.
    del modified, size
    data = path.read_bytes()
    for magic, name in _OTHER_COMPRESSION.items():
        if data.startswith(magic):
            raise AthenaError(f"{path}: is compressed with {name}; write it with zlib or without compression")
    return interpret(path, data)


def interpret(path: Path, data: bytes, machine: Callable[[bytes], Machine] = Machine) -> Any:
    """The object of a pickle's bytes, which may be compressed with zlib or gzip; errors name the file.

    Raises:
        AthenaError: as `load_pickle`.
    """
    try:
        if data[:1] == b"\x78" or data[:2] == b"\x1f\x8b":
            data = _inflated(data)
        return _finished(machine(data).run(), {})
    except Refused as refusal:
        raise AthenaError(f"{path}: {refusal}") from None
    except (ValueError, KeyError, IndexError, TypeError, OverflowError, zlib.error) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise AthenaError(f"{path}: not a readable pickle ({reason}); write it again") from error
    except (RecursionError, MemoryError) as error:
        raise AthenaError(f"{path}: nests or claims more than a motion file does; write it again") from error
