from __future__ import annotations

import errno
import hashlib
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from athena_wbc import files
from athena_wbc.errors import AthenaError
from athena_wbc.files import (
    atomic_folder,
    atomic_path,
    atomic_write,
    make_folder,
    sha256_file,
    sha256_json,
    write_json,
    write_text,
)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_write_makes_folders_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.bin"
    atomic_write(path, b"old")
    atomic_write(path, b"new")
    assert path.read_bytes() == b"new"
    assert names(path.parent) == ["file.bin"]


def test_the_mode_is_that_of_an_ordinary_file(tmp_path: Path) -> None:
    (tmp_path / "ordinary").write_bytes(b"")
    atomic_write(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_a_full_disk_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model_10.pt"
    atomic_write(path, b"the previous checkpoint")
    real_write = os.write
    written = []

    def write_until_full(descriptor: int, data: bytes) -> int:
        if written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(real_write(descriptor, data[:4]))
        return written[-1]

    monkeypatch.setattr(files.os, "write", write_until_full)
    with pytest.raises(AthenaError, match=r"model_10\.pt: cannot be written \(No space left.*previous file"):
        atomic_write(path, b"the next checkpoint")
    assert written == [4]
    assert path.read_bytes() == b"the previous checkpoint"
    assert names(tmp_path) == ["model_10.pt"]


def test_a_failing_sync_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    atomic_write(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(AthenaError, match="free some space"):
        atomic_write(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_the_bytes_reach_the_disk_before_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(files.os, "fsync", lambda fd: (order.append("fsync"), fsync(fd))[1])
    monkeypatch.setattr(files.os, "replace", lambda a, b: (order.append("replace"), replace(a, b))[1])
    atomic_write(tmp_path / "file", b"x")
    assert order[:2] == ["fsync", "replace"]


def test_a_failure_in_the_block_keeps_its_own_kind(tmp_path: Path) -> None:
    path = tmp_path / "file"
    atomic_write(path, b"old")
    with pytest.raises(ZeroDivisionError), atomic_path(path) as temporary:
        temporary.write_bytes(b"half")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_a_link_to_the_same_file_leaves_no_temporary(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"weights")
    os.link(tmp_path / "model", tmp_path / "best")
    with atomic_path(tmp_path / "best") as temporary:
        temporary.unlink()
        os.link(tmp_path / "model", temporary)
    assert names(tmp_path) == ["best", "model"]
    assert (tmp_path / "best").read_bytes() == b"weights"


def test_a_folder_in_the_way_is_a_users_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(AthenaError, match="a part of the path is a file"):
        atomic_write(tmp_path / "taken" / "below", b"x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(AthenaError, match="the path is a folder"):
        atomic_write(tmp_path / "folder", b"x")


def test_a_place_for_no_folder_is_a_users_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    for folder, reason in (("file", "File exists"), ("file/below", "Not a directory"), ("link", "File exists")):
        with pytest.raises(AthenaError, match=rf"{folder}: cannot be made \({reason}\): .*choose another folder"):
            make_folder(tmp_path / folder)
    with pytest.raises(AthenaError, match=r"file: cannot be made \(File exists\)"):
        write_text(tmp_path / "file" / "a.txt", "b")


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "a" / "folder"
    for number in (1, 2):
        with atomic_folder(target) as made:
            (made / f"file_{number}").write_text("whole")
            assert number == 1 or (target / "file_1").is_file()
    assert [entry.name for entry in target.iterdir()] == ["file_2"]
    assert [entry.name for entry in target.parent.iterdir()] == ["folder"]
    assert target.stat().st_mode & 0o777 == target.parent.stat().st_mode & 0o777


def test_a_folder_that_fails_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "folder"
    with atomic_folder(target) as made:
        (made / "old").write_text("whole")
    with pytest.raises(ValueError, match="in the block"), atomic_folder(target) as made:
        (made / "new").write_text("part")
        raise ValueError("in the block")
    replace = os.replace

    def full(source: Path, place: Path) -> None:
        if Path(source).name == "new":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, place)

    monkeypatch.setattr(os, "replace", full)
    with (
        pytest.raises(AthenaError, match=r"folder: cannot be written .*: free some space"),
        atomic_folder(target) as made,
    ):
        (made / "new").write_text("whole")
    assert [entry.name for entry in target.iterdir()] == ["old"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


def test_text_is_utf8(tmp_path: Path) -> None:
    write_text(tmp_path / "t", "Größe 1 µm\n")
    assert (tmp_path / "t").read_bytes() == "Größe 1 µm\n".encode()


def test_json_is_sorted_and_takes_numpy(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    write_json(path, {"b": np.float32(0.5), "a": np.arange(2), "p": Path("x/y")})
    text = path.read_text()
    assert json.loads(text) == {"a": [0, 1], "b": 0.5, "p": "x/y"}
    assert text.index('"a"') < text.index('"b"')
    assert text.endswith("}\n")


@pytest.mark.parametrize("value", [math.nan, math.inf, np.float64("nan")])
def test_json_refuses_what_is_no_number(tmp_path: Path, value: float) -> None:
    with pytest.raises(ValueError):
        write_json(tmp_path / "m.json", {"SR": value})
    assert names(tmp_path) == []


def test_hashes(tmp_path: Path) -> None:
    atomic_write(tmp_path / "f", b"abc")
    assert sha256_file(tmp_path / "f") == hashlib.sha256(b"abc").hexdigest()
    assert sha256_json({"b": 1, "a": [1, 2]}) == hashlib.sha256(b'{"a":[1,2],"b":1}').hexdigest()
    assert sha256_json({"a": 1, "b": 2}) == sha256_json({"b": 2, "a": 1})
