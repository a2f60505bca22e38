"""Recordings: keys, kills, damage."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.language.cassette import Cassette, append_line, question_key, read_lines, without_images
from athena_wbc.synthesis.language.config import CassetteConfig, check_cassette, placed
from athena_wbc.synthesis.language.costs import CostLog, Usage, read_costs, summarise

IMAGE = "data:image/png;base64,AAAA"
QUESTION: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": IMAGE}}]}],
    "schema": {"type": "object"},
    "params": {"temperature": 0.0},
    "seed": 1,
}


def test_images_are_hashed() -> None:
    told = json.dumps(without_images(QUESTION["messages"]))
    assert "AAAA" not in told and "sha256:" in told
    assert QUESTION["messages"][0]["content"][0]["image_url"]["url"] == IMAGE


@pytest.mark.parametrize(
    "change",
    [
        {"model": "n"},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": IMAGE + "B"}}]}]},
        {"messages": []},
        {"schema": {"type": "array"}},
        {"params": {"temperature": 0.1}},
        {"seed": 2},
    ],
)
def test_everything_that_matters_changes_the_key(change: dict[str, Any]) -> None:
    assert question_key(**QUESTION) == question_key(**json.loads(json.dumps(QUESTION)))
    assert question_key(**(QUESTION | change)) != question_key(**QUESTION)


def test_a_line_that_a_kill_cut_short_costs_itself_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "cassette.jsonl"
    tape = Cassette(path)
    for key in "abc":
        tape.keep(key, {"reply": key.upper()})
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    Cassette(path).keep("d", {"reply": "D"})
    with caplog.at_level(logging.WARNING):
        again = Cassette(path)
    assert [(entry or {}).get("reply") for entry in (again.find(key, "") for key in "abcd")] == ["A", "B", None, "D"]
    assert f"{path}: line 3 is damaged and was left out" in caplog.text


@pytest.mark.parametrize("line", [b"\xff\xfe", b"[1, 2]", b"null", b'{"key": 3, "reply": "x"}', b'{"key": "k"}', b"{"])
def test_damage_of_every_kind_is_named_by_its_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, line: bytes
) -> None:
    path = tmp_path / "cassette.jsonl"
    append_line(path, {"key": "a", "reply": "A"})
    with open(path, "ab") as stream:
        stream.write(line + b"\n")
    append_line(path, {"key": "b", "reply": "B"})
    tape = Cassette(path, "replay")
    assert len(tape) == 2 and f"{path}: line 2 is " in caplog.text


def test_a_replay_is_strict(tmp_path: Path) -> None:
    path = tmp_path / "cassette.jsonl"
    with pytest.raises(AthenaError, match=r"cassette\.jsonl: no recording to replay; record one first"):
        Cassette(path, "replay")
    append_line(path, {"key": "a", "reply": "A"})
    with pytest.raises(AthenaError, match=r"cassette\.jsonl: holds no answer to this question \(alignment, m, key b\)"):
        Cassette(path, "replay").find("b", "alignment, m")


def test_threads_and_tapes_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "cassette.jsonl"
    tapes = [Cassette(path) for _ in range(4)]

    def write(which: int) -> None:
        for number in range(25):
            tapes[which].keep(f"{which} {number}", {"reply": "x" * 5000})

    threads = [threading.Thread(target=write, args=(which,)) for which in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_lines(path)) == len(Cassette(path)) == 100


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match="cannot be written"):
        append_line(tmp_path, {"key": "a"})


def test_modes_are_checked() -> None:
    for mode, expected in (
        ("repaly", r"x\.mode: unknown 'repaly'; did you mean 'replay'\?"),
        ("False", r"x\.mode: YAML reads a bare off as a truth value"),
        ("replay", r"x\.path: replay needs a file"),
    ):
        with pytest.raises(AthenaError, match=expected):
            check_cassette(CassetteConfig(mode=mode), "x")
    check_cassette(CassetteConfig(mode="off"), "x")


@pytest.mark.parametrize("name", ["vlm", "ensemble", "llm"])
def test_files_of_a_run(tmp_path: Path, name: str) -> None:
    given = {"cassette": {"mode": "replay"}, "seed": 1}
    options = placed(name, given, tmp_path)
    assert options["cassette"] == {"mode": "replay", "path": str(tmp_path / "cassette.jsonl")}
    assert options["costs"] == str(tmp_path / "costs.jsonl") and options["seed"] == 1
    assert given == {"cassette": {"mode": "replay"}, "seed": 1}
    assert placed(name, {"costs": "own", "cassette": {"path": "tape"}}, tmp_path)["cassette"]["path"] == "tape"
    assert placed(name, {"cassette": "nonsense"}, tmp_path) == {"cassette": "nonsense"}
    assert placed("kinematic", {"a": 1}, tmp_path) == placed("rule", {"a": 1}, tmp_path) == {"a": 1}


def test_costs_by_model(tmp_path: Path) -> None:
    path = tmp_path / "costs.jsonl"
    log = CostLog(path)
    for usage in (
        Usage("a", 100, 10, 1.5, 0.25),
        Usage("a", 50, 5, 0.5, 0.5, calls=2, replayed=1),
        Usage("b", 7, 3, 1.0, None),
        Usage("b", 7, 3, 1.0, 0.5),
    ):
        log.add(usage, "alignment")
    append_line(path, {"damaged": True})
    assert summarise(read_costs(path)) == {
        "a": {"input_tokens": 150, "output_tokens": 15, "seconds": 2.0, "price": 0.75, "calls": 3, "replayed": 1},
        "b": {"input_tokens": 14, "output_tokens": 6, "seconds": 2.0, "price": None, "calls": 2, "replayed": 0},
    }
    assert read_costs(tmp_path / "none.jsonl") == []
