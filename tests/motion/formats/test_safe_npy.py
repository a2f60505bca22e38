from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.safe_npy import load_object_npy, looks_like_object_npy


def save(path: Path, content: object) -> Path:
    np.save(path, content, allow_pickle=True)
    return path


def test_a_dictionary_comes_back(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npy", np.array({"a": {"arr": np.arange(3.0)}, "fps": np.int32(60)}, dtype=object))
    assert looks_like_object_npy(path)
    content = load_object_npy(path)
    np.testing.assert_array_equal(content["a"]["arr"], np.arange(3.0))
    assert content["fps"] == 60


class Evil:
    def __reduce__(self) -> tuple:
        return os.system, ("true",)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (np.array({"a": Evil()}, dtype=object), r"refers to the global 'posix\.system'"),
        (np.arange(3.0), "holds an array of float64, a dictionary is expected"),
        (np.array([{}, {}], dtype=object), r"holds an array of shape \(2,\), one dictionary is expected"),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, content: np.ndarray, reason: str) -> None:
    with pytest.raises(AthenaError, match=rf"a\.npy: {reason}"):
        load_object_npy(save(tmp_path / "a.npy", content))


def test_a_damaged_header(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npy", np.array({}, dtype=object))
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(AthenaError, match=r"a\.npy: not a readable npy"):
        load_object_npy(path)
