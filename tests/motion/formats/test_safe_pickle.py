from __future__ import annotations

import bz2
import collections
import datetime
import gzip
import io
import os
import pickle
import zlib
from pathlib import Path

import numpy as np
import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.safe_pickle import load_pickle
from tests.motion.samples import write_joblib

CONTENT = {
    "clip": {
        "position": np.arange(12, dtype=np.float32).reshape(4, 3),
        "columns": np.asfortranarray(np.arange(8.0).reshape(4, 2)),
        "contact": np.array([True, False]),
        "count": np.array([1, -2], dtype=np.int64),
        "rate": np.float64(29.887),
        "fps": 30,
        "name": "wave é",
        "nothing": None,
        "list": [1, 2.5, ("a", "b"), {"x"}, b"raw"],
    },
    "names": np.array(["left", "right"]),
    "empty": np.zeros((0, 3)),
    "ordered": collections.OrderedDict(a=1),
}


def assert_same(one: object, other: object) -> None:
    assert isinstance(one, type(other)) or type(other) is collections.OrderedDict
    if isinstance(other, dict):
        assert list(one) == list(other)
        for key in other:
            assert_same(one[key], other[key])
    elif isinstance(other, np.ndarray):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    else:
        assert one == other


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("protocol", range(6))
def test_plain_pickles_of_every_protocol(tmp_path: Path, protocol: int) -> None:
    path = write(tmp_path / "a.pkl", pickle.dumps(CONTENT, protocol=protocol))
    assert_same(load_pickle(path), CONTENT)


def test_names_of_numpy_1_are_understood(tmp_path: Path) -> None:
    data = pickle.dumps(CONTENT["clip"]["position"], protocol=2)
    old = data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert old != data
    assert_same(load_pickle(write(tmp_path / "a.pkl", old)), CONTENT["clip"]["position"])


@pytest.mark.parametrize("compress", [False, True])
def test_joblib_files(tmp_path: Path, compress: bool) -> None:
    path = write_joblib(tmp_path / "a.pkl", CONTENT, compress)
    assert_same(load_pickle(path), CONTENT)


def test_gzip(tmp_path: Path) -> None:
    assert_same(load_pickle(write(tmp_path / "a.pkl", gzip.compress(pickle.dumps(CONTENT)))), CONTENT)


def test_arrays_do_not_share_memory_with_the_next_reader(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pkl", pickle.dumps(np.zeros(3)))
    assert load_pickle(path).flags.owndata


def test_an_object_that_is_shared_stays_shared(tmp_path: Path) -> None:
    array = np.arange(3.0)
    read = load_pickle(write(tmp_path / "a.pkl", pickle.dumps({"one": array, "pair": (array, array)}, protocol=4)))
    assert read["pair"][0] is read["one"]
    np.testing.assert_array_equal(read["one"], array)


def test_an_object_array_of_plain_containers(tmp_path: Path) -> None:
    array = np.empty((), dtype=object)
    array[()] = {"fps": 60, "pos": np.ones(2)}
    read = load_pickle(write(tmp_path / "a.pkl", pickle.dumps(array)))
    assert read["fps"] == 60
    np.testing.assert_array_equal(read["pos"], np.ones(2))


class Runs:
    """Writes a file when it is unpickled by the library's own unpickler."""

    def __init__(self, command: tuple) -> None:
        self.command = command

    def __reduce__(self) -> tuple:
        return self.command


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_would_run_something_is_refused_and_named(tmp_path: Path, protocol: int) -> None:
    target = tmp_path / "touched"
    content = {"dof": np.ones(3), "evil": Runs((os.mkdir, (str(target),)))}
    data = pickle.dumps(content, protocol=protocol)
    with pytest.raises(AthenaError, match=r"a\.pkl: refers to the global '\w+\.mkdir'.*only arrays and plain"):
        load_pickle(write(tmp_path / "a.pkl", data))
    assert not target.exists()
    pickle.loads(data)
    assert target.exists(), "the attack works on the library's own unpickler"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (datetime.date(2020, 1, 1), "datetime.date"),
        (Path("a"), r"pathlib.*Posix\w*Path"),
        ({"a": Runs((eval, ("1",)))}, r"\w+\.eval"),
        ([Runs((np.fromfile, ("/etc/hostname",)))], r"numpy.*fromfile"),
        (collections.Counter("aa"), r"collections\.Counter"),
    ],
)
def test_other_globals_are_named(tmp_path: Path, content: object, name: str) -> None:
    with pytest.raises(AthenaError, match=f"refers to the global '{name}'"):
        load_pickle(write(tmp_path / "a.pkl", pickle.dumps(content)))


def test_a_joblib_file_with_a_foreign_global_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match=r"global '\w+\.mkdir'"):
        load_pickle(write_joblib(tmp_path / "a.pkl", {"a": np.ones(2), "b": Runs((os.mkdir, ("x",)))}))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"(cos\nsystem\n(S'true'\ntR.", r"global 'os\.system'"),
        (b"(S'true'\nios\nsystem\n.", r"global 'os\.system'"),
        (b"\x80\x02cnumpy\nndarray\n)\x81.", "makes an object of 'numpy.ndarray'"),
        (b"\x80\x02cnumpy\ndtype\n(X\x01\x00\x00\x00VtR.", "dtype 'V'"),
        (b"\x80\x02cnumpy\ndtype\n}X\x01\x00\x00\x00ak\x01b.", "."),
        (b"\x80\x02cbuiltins\nlist\n(X\x02\x00\x00\x00abtR.", "calls 'builtins.list'"),
        (b"\x80\x02cnumpy\nndarray\n.", "no array and no plain container"),
        (b"\x80\x02\x82\x01.", "instruction EXT1"),
        (b"\x80\x04Pid\n.", "instruction PERSID"),
        (b"\x80\x02}(]K\x01u.", "keys that are not names"),
        (b"\x80\x02}(K\x01u.", "key without a value"),
        (b"\x80\x02K\x01", "not a readable pickle|truncated"),
        (b"\x80\x02.", "not a readable pickle"),
        (b"\x80\x02K\x01u.", "damaged"),
        (b"", "not a readable pickle|truncated"),
    ],
)
def test_hand_made_pickles(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(AthenaError, match=reason):
        load_pickle(write(tmp_path / "a.pkl", data))


def test_an_object_dtype_cannot_be_forged_from_bytes(tmp_path: Path) -> None:
    # Eight bytes taken for a pointer would crash the interpreter when the array is printed.
    data = pickle.dumps(np.array([7], dtype=np.int64), protocol=2)
    forged = data.replace(b"i8", b"O8")
    assert forged != data
    with pytest.raises(AthenaError, match="object array that cannot be understood"):
        load_pickle(write(tmp_path / "a.pkl", forged))


def test_a_structured_dtype_is_refused(tmp_path: Path) -> None:
    array = np.zeros(2, dtype=[("a", "f4")])
    with pytest.raises(AthenaError, match="dtype 'V4'"):
        load_pickle(write(tmp_path / "a.pkl", pickle.dumps(array, protocol=2)))


def test_a_joblib_array_that_claims_more_than_the_file_holds(tmp_path: Path) -> None:
    path = write_joblib(tmp_path / "a.pkl", {"a": np.ones((500, 3))})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(AthenaError, match="ends within an array: the file is truncated"):
        load_pickle(path)


def test_a_decompression_bomb_is_refused(tmp_path: Path) -> None:
    squeeze = zlib.compressobj(9)
    bomb = b"".join(squeeze.compress(bytes(1 << 20)) for _ in range(70)) + squeeze.flush()
    with pytest.raises(AthenaError, match="unpacks to more than 64 MiB"):
        load_pickle(write(tmp_path / "a.pkl", bomb))


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    deep = b"\x80\x02" + b"]" * 200000 + b"a" * 199999 + b"."
    with pytest.raises(AthenaError, match="nests or claims more"):
        load_pickle(write(tmp_path / "a.pkl", deep))


def test_containers_that_share_themselves_many_times_stay_small(tmp_path: Path) -> None:
    value: object = np.ones(2)
    for _ in range(60):
        value = (value, value)
    loaded = load_pickle(write(tmp_path / "a.pkl", pickle.dumps(value)))
    for _ in range(60):
        assert loaded[0] is loaded[1]
        loaded = loaded[0]
    assert loaded.tolist() == [1.0, 1.0]


def test_another_compression_is_named(tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match="compressed with bz2"):
        load_pickle(write(tmp_path / "a.pkl", bz2.compress(pickle.dumps(1))))


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pkl", pickle.dumps(1))
    assert load_pickle(path) == 1
    stream = io.BytesIO()
    pickle.dump([2, 3], stream)
    write(path, stream.getvalue())
    assert load_pickle(path) == [2, 3]
