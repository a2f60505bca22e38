from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.safe_npz import Npz
from tests.motion.samples import write_npz


def write_member(path: Path, name: str, data: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return path


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    arrays = {
        "c": np.arange(6, dtype=np.float32).reshape(2, 3),
        "f": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "scalar": np.array(30),
        "text": np.array("wave"),
        "empty": np.zeros((0, 3)),
    }
    archive = Npz(write_npz(tmp_path / "a.npz", **arrays))
    assert set(archive) == set(arrays)
    assert "c" in archive
    assert "d" not in archive
    for key, array in arrays.items():
        assert archive[key].dtype == array.dtype
        assert archive.shape(key) == array.shape
        np.testing.assert_array_equal(archive[key], array)
    assert archive.number("scalar") == 30.0


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "a.npz", fps=np.array(30), link=np.array(None, dtype=object))
    archive = Npz(path)
    assert archive.number("fps") == 30.0
    with pytest.raises(AthenaError, match=r"a\.npz: link: holds pickled objects"):
        archive["link"]


def test_a_missing_key_lists_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match=r"a\.npz: key 'fps' is missing \(it has dof\)"):
        Npz(write_npz(tmp_path / "a.npz", dof=np.ones(2)))["fps"]


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.ones((3, 2)), r"shape \(3, 2\), any x 3 is expected"),
        (np.array([["a", "b", "c"]]), "holds <U1, numbers are expected"),
    ],
)
def test_numbers_are_checked(tmp_path: Path, array: np.ndarray, reason: str) -> None:
    with pytest.raises(AthenaError, match=f"a: (has the )?{reason}"):
        Npz(write_npz(tmp_path / "a.npz", a=array)).numbers("a", (None, 3))


def test_an_array_that_is_cut(tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match=r"a\.npz: a: claims 96 bytes and has|ends within its data"):
        Npz(write_member(tmp_path / "a.npz", "a.npy", npy(np.ones((4, 3)))[:-20]))["a"]


@pytest.mark.parametrize("header", [b"(4, 'x'),", b"(-4, 3),", b"__import__", b"(4, 3)((("])
def test_a_header_that_is_nonsense(tmp_path: Path, header: bytes) -> None:
    content = npy(np.ones((4, 3))).replace(b"(4, 3), }", header.ljust(9))
    with pytest.raises(AthenaError, match=r"a\.npz: a: .*damaged"):
        Npz(write_member(tmp_path / "a.npz", "a.npy", content))["a"]


def test_gigabytes_are_neither_believed_nor_allocated(tmp_path: Path) -> None:
    content = npy(np.ones((4, 3)))
    huge = content.replace(b"'shape': (4, 3), }" + b" " * 20, b"'shape': (4000000000, 30000000), }"[:38].ljust(38))
    assert huge != content
    with pytest.raises(AthenaError, match=r"claims \d+ bytes and has"):
        Npz(write_member(tmp_path / "a.npz", "a.npy", huge))["a"]


def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    path = write_member(tmp_path / "a.npz", "a.npy", npy(np.zeros(10 << 20)))
    assert path.stat().st_size < 1 << 18
    with pytest.raises(AthenaError, match="unpacks to 80 MiB"):
        Npz(path)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 no archive", b"\x80\x04K\x01."])
def test_no_archive(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(data)
    with pytest.raises(AthenaError, match=r"a\.npz: not a readable npz"):
        Npz(path)


def test_names(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "a.npz", joints=np.array(["left", "right"]), raw=np.array([b"up"]), fps=np.array(30))
    assert Npz(path).texts("joints") == ("left", "right")
    assert Npz(path).texts("raw") == ("up",)
    with pytest.raises(AthenaError, match=r"a\.npz: fps: holds int64, a list of names is expected"):
        Npz(path).texts("fps")


@pytest.mark.parametrize("order", ["<", ">"])
def test_characters_that_do_not_exist(tmp_path: Path, order: str) -> None:
    """Numpy reads them, and Python then fails wherever the text is used."""
    array = np.array(["ab", "cd"]).astype(f"{order}U2")
    data = npy(array)
    broken = data[:-4] + np.array([0x110000], dtype=f"{order}u4").tobytes()
    with pytest.raises(AthenaError, match=r"names: holds characters that do not exist"):
        Npz(write_member(tmp_path / "a.npz", "names.npy", broken))["names"]
    assert Npz(write_member(tmp_path / "a.npz", "names.npy", data)).texts("names") == ("ab", "cd")


@pytest.mark.parametrize("name", ["../up.npy", "a/../../up.npy", "/etc/up.npy", "C:\\up.npy", "..\\up.npy"])
def test_members_that_point_outside(tmp_path: Path, name: str) -> None:
    path = write_member(tmp_path / "a.npz", name, npy(np.zeros(2)))
    with pytest.raises(AthenaError, match=r"a\.npz: holds '.*up\.npy', which points outside it"):
        Npz(path)
