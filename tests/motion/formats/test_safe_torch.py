from __future__ import annotations

import collections
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.safe_torch import load_torch, looks_like_torch
from tests.motion.formats.robot_files import mutate_member


def test_tensors_come_back_as_arrays(tmp_path: Path) -> None:
    base = torch.arange(24.0).reshape(4, 6)
    content = {
        "whole": base,
        "view": base[1:3, ::2],  # shares its storage, with an offset and a stride
        "turned": base.T,
        "bool": torch.tensor([True, False]),
        "long": torch.arange(3),
        "half": torch.ones(2, dtype=torch.float16),
        "empty": torch.zeros(0, 3),
        "scalar": torch.tensor(29.887, dtype=torch.float64),
        "fps": 30,
        "nested": collections.OrderedDict(a=[torch.zeros(2)]),
    }
    path = tmp_path / "a.motion"
    torch.save(content, path)
    assert looks_like_torch(path)
    read = load_torch(path)
    for key in ("whole", "view", "turned", "bool", "long", "half", "empty", "scalar"):
        expected = content[key].numpy()
        assert read[key].dtype == expected.dtype
        np.testing.assert_array_equal(read[key], expected)
    assert read["fps"] == 30
    np.testing.assert_array_equal(read["nested"]["a"][0], np.zeros(2))


class Evil:
    def __reduce__(self) -> tuple:
        return os.system, ("true",)


def test_what_it_would_run_is_refused_by_its_name(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(2), "b": Evil()}, tmp_path / "a.motion")
    with pytest.raises(AthenaError, match=r"a\.motion: refers to the global 'posix\.system'"):
        load_torch(tmp_path / "a.motion")


def enum_pickle(module: str, argument: bytes) -> bytes:
    """A pickle of {'state': module(argument)}."""
    return b"\x80\x02}X\x05\x00\x00\x00statec" + module.encode() + b"\n" + argument + b"\x85Rs."


@pytest.mark.parametrize(
    ("module", "argument", "expected"),
    [
        ("protomotions.simulator.state\nStateConversion", b"X\x06\x00\x00\x00common", "common"),
        ("protomotions.enums\nKind", b"K\x03", 3),
    ],
)
def test_a_member_of_an_enumeration_is_its_value(tmp_path: Path, module: str, argument: bytes, expected) -> None:
    path = tmp_path / "a.motion"
    torch.save({}, path)
    mutate_member(path, "a/data.pkl", lambda _: enum_pickle(module, argument))
    assert load_torch(path) == {"state": expected}


@pytest.mark.parametrize(
    ("module", "argument"),
    [
        ("protomotions.simulator.state\nStateConversion", b"}"),
        ("protomotions_evil\nrun", b"K\x03"),
        ("os\nsystem", b"K\x03"),
    ],
)
def test_anything_else_that_is_called_is_refused(tmp_path: Path, module: str, argument: bytes) -> None:
    path = tmp_path / "a.motion"
    torch.save({}, path)
    mutate_member(path, "a/data.pkl", lambda _: enum_pickle(module, argument))
    with pytest.raises(AthenaError, match=r"a\.motion: (refers to|calls)"):
        load_torch(path)


def test_numbers_that_are_not_there(tmp_path: Path) -> None:
    """A tensor that claims more than its storage has, and a storage that was cut."""
    path = tmp_path / "a.motion"
    torch.save({"a": torch.arange(8.0)}, path)
    mutate_member(path, "a/data.pkl", lambda data: data.replace(b"K\x08\x85", b"K\x09\x85"))
    with pytest.raises(AthenaError, match=r"a\.motion: holds a tensor that is larger than its numbers"):
        load_torch(path)
    torch.save({"a": torch.arange(8.0)}, path)
    mutate_member(path, "a/data/0", lambda data: data[:-4])
    with pytest.raises(AthenaError, match=r"a\.motion: holds a tensor that is larger than its numbers"):
        load_torch(path)


def test_other_files(tmp_path: Path) -> None:
    path = tmp_path / "a.motion"
    path.write_bytes(b"\x80\x02}.")
    assert not looks_like_torch(path)
    with pytest.raises(AthenaError, match=r"a\.motion: is no archive of torch"):
        load_torch(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(AthenaError, match=r"a\.motion: is no archive of torch \(it lacks a data\.pkl\)"):
        load_torch(path)
    torch.save({"a": torch.zeros(2)}, path)
    mutate_member(path, "a/byteorder", lambda _: b"big")
    with pytest.raises(AthenaError, match=r"a\.motion: was written on a big-endian machine"):
        load_torch(path)
    torch.save({"a": torch.zeros(2)}, path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../../outside", b"x")
    with pytest.raises(AthenaError, match=r"a\.motion: holds '\.\./\.\./outside', which points outside it"):
        load_torch(path)
