"""Lists and motions that stages leave for each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.files import sha256_file
from athena_wbc.synthesis.loop.store import load_motion, read_lines, save_motion, write_lines
from athena_wbc.synthesis.motion import SyntheticMotion


def motion() -> SyntheticMotion:
    positions = np.random.default_rng(0).normal(size=(4, 22, 3))
    provenance = {"parts": ("walk", "kick"), "scale": np.float64(1.5)}
    return SyntheticMotion("abc", positions, "arms", False, 7, 20.0, provenance, "CC0")


def test_a_motion_comes_back_whole(tmp_path: Path) -> None:
    save_motion(tmp_path / "a.npz", motion(), {"asked": "abc"})
    found, note = load_motion(tmp_path / "a.npz")
    assert found.digest == motion().digest and note == {"asked": "abc"}
    assert (found.generator, found.is_learned, found.seed, found.licence) == ("arms", False, 7, "CC0")
    assert found.provenance == {"parts": ["walk", "kick"], "scale": 1.5}
    save_motion(tmp_path / "b.npz", motion(), {"asked": "abc"})
    assert sha256_file(tmp_path / "a.npz") == sha256_file(tmp_path / "b.npz")


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04broken"])
def test_a_damaged_motion_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(AthenaError, match=r"a\.npz: is no motion of the loop .*--resume") as caught:
        load_motion(tmp_path / "a.npz")
    assert "\n" not in str(caught.value)


def test_lines_come_back(tmp_path: Path) -> None:
    rows = [{"clip": "a", "text": "über\nzwei"}, {"clip": "b", "value": 1.5}]
    write_lines(tmp_path / "rows.jsonl", rows)
    assert read_lines(tmp_path / "rows.jsonl") == rows
    assert (tmp_path / "rows.jsonl").read_text().count("\n") == 2


def test_a_text_may_hold_what_unicode_calls_the_end_of_a_line(tmp_path: Path) -> None:
    # JSON leaves these as they are, str.splitlines() would break at them.
    rows = [{"reason": f"before{mark}after"} for mark in "\u2028\u2029\x85\x0b\x0c\x1c\r\n"]
    write_lines(tmp_path / "rows.jsonl", rows)
    assert read_lines(tmp_path / "rows.jsonl") == rows


@pytest.mark.parametrize(("content", "where"), [('{"a": 1}\n{"b":', "line 2"), ("[1]\n", "line 1: is no record")])
def test_a_damaged_line_is_named(tmp_path: Path, content: str, where: str) -> None:
    (tmp_path / "rows.jsonl").write_text(content)
    with pytest.raises(AthenaError, match=where):
        read_lines(tmp_path / "rows.jsonl")


def test_a_list_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match=r"rows\.jsonl: cannot be read"):
        read_lines(tmp_path / "rows.jsonl")
