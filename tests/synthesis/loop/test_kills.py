"""A loop that is killed again and again ends as one that nobody disturbed."""

from __future__ import annotations

from pathlib import Path

import pytest

from athena_wbc.files import sha256_file
from tests.killing import Start, kill_again_and_again
from tests.synthesis.loop.small_loop import figures, manifest, run, use_fakes

KILLS = 6


def go_on(out: Path, config: Path) -> None:
    run(out, config, resume=True, jobs=2)


def test_kills_change_nothing(
    loop_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_a_process: Start
) -> None:
    use_fakes(monkeypatch)
    whole, out, config = loop_home / "out", tmp_path / "killed", loop_home / "loop.yaml"
    kill_again_and_again(lambda: in_a_process(go_on, out, config), out, whole, KILLS, seed=3)
    go_on(out, config)
    assert {stage["status"] for stage in manifest(out)["stages"].values()} == {"done"}
    assert figures(out) == figures(whole)
    for loop in range(2):
        for name in ("prompts.jsonl", "judgements.jsonl", "retarget.jsonl", "clips.jsonl", "training.json"):
            assert sha256_file(out / f"loop_{loop}" / name) == sha256_file(whole / f"loop_{loop}" / name), name
    assert not list(out.rglob(".*.tmp"))
