"""Language models within the loop: what was asked is recorded in the run, and can be replayed without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from athena_wbc.synthesis.language.costs import read_costs
from athena_wbc.synthesis.records import DESCRIPTORS
from tests.synthesis.loop.small_loop import run, write_config
from tests.synthesis.stub_server import Reply, Request, StubServer, chat


def answer(request: Request) -> Reply:
    """What a vision-language model would say of any motion."""
    if request.json["response_format"]["json_schema"]["name"] == "AlignmentReply":
        return chat({"seen": "An arm.", "alignment_score": 80, "verdict": "aligned", "reason": "It swings."})
    analysis = {key: f"on {key}" for key in DESCRIPTORS}
    return chat({"action_name": "swing", "analysis": analysis, "difficulty": 3, "reason": "Small."})


def vlm(server: StubServer, mode: str, cassette: str = "") -> dict[str, Any]:
    endpoint = {"base_url": server.base_url, "model": "m", "api_key_env": "", "retries": 0}
    options = {"endpoint": endpoint, "alignment_frames": 6, "difficulty_frames": 4, "on_failure": "stop"}
    return {"name": "vlm", "options": options | {"cassette": {"mode": mode} | ({"path": cassette} if cassette else {})}}


def test_a_recorded_run_is_repeated_without_its_server(
    tmp_path: Path, fakes: None, stub_server: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    stub_server.responder = answer
    first = tmp_path / "first"
    run(first, write_config(tmp_path, judge=vlm(stub_server, "record")), until="loop_0.judge")
    motions = 4  # two domains with two prompts each
    assert len(stub_server.requests) == 2 * motions
    assert len(read_costs(first / "language" / "costs.jsonl")) == 2 * motions
    stub_server.close()
    second = tmp_path / "second"
    recorded = str(first / "language" / "cassette.jsonl")
    run(second, write_config(tmp_path, judge=vlm(stub_server, "replay", recorded)), until="loop_0.judge")
    same = [(folder / "loop_0" / "judgements.jsonl").read_text() for folder in (first, second)]
    assert same[0] == same[1]
    assert "It swings." in same[0]
