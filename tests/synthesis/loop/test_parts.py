"""Parts of the loop that are not the default ones: language models, a diffusion model, ablated schedulers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.language.costs import read_costs
from athena_wbc.synthesis.loop.store import read_lines
from athena_wbc.synthesis.prompt import AXES
from athena_wbc.synthesis.records import DESCRIPTORS
from tests.synthesis.generators.toys import FRAMES, write_toys
from tests.synthesis.loop.small_loop import manifest, run, started, write_config
from tests.synthesis.stub_server import Reply, Request, StubServer, chat, failure


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


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


def test_a_recorded_run_is_repeated_without_its_server(tmp_path: Path, fakes: None, stub_server: StubServer) -> None:
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


def test_what_a_model_did_not_answer_is_told_and_asked_again(
    tmp_path: Path, fakes: None, stub_server: StubServer
) -> None:
    """The server is gone after the first batch: two of four motions are judged by the kinematic judge."""
    judge = vlm(stub_server, "record")
    judge["options"]["on_failure"] = "fallback"
    config = write_config(tmp_path, judge=judge | {"batch": 2})
    stub_server.responder = lambda request: answer(request) if len(stub_server.requests) <= 4 else failure(500, "gone")
    out, file = tmp_path / "out", tmp_path / "out" / "loop_0" / "judgements.jsonl"
    told = run(out, config, until="loop_0.judge")
    stage = manifest(out)["stages"]["loop_0.judge"]
    assert stage["stood_in"] == 2 and stage["told"] in told
    assert stage["told"].endswith("; 'vlm' gave no answer for 2 of 4: another judge stood in")
    assert started(run(out, resume=True, until="loop_0.judge")) == {}
    # Asked again: only what had no answer.
    stub_server.requests.clear()
    file.unlink()
    run(out, resume=True, until="loop_0.judge")
    assert len(stub_server.requests) == 2 * 2
    stage = manifest(out)["stages"]["loop_0.judge"]
    assert stage["stood_in"] == 0 and "stood in" not in stage["told"]
    assert {row["judgement"]["judge"] for row in read_lines(file)} == {"vlm:m"}


def test_a_diffusion_model_makes_the_motions(tmp_path: Path, fakes: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has learnt next to nothing: whatever it draws is on record, with what the filters say of it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    toys = tmp_path / "toys"
    toys.mkdir()
    write_toys(toys, repetitions=1)
    network = {"width": 32, "layers": 1, "heads": 2, "feedforward": 64, "text_width": 64}
    training = {"frames": FRAMES, "batch": 8, "steps": 20, "diffusion_steps": 5, "device": "cpu"}
    generator = {"name": "mdm_lite", "options": {"motions": str(toys), **network, **training}}
    out = tmp_path / "out"
    config = write_config(tmp_path, generator=generator, frames=FRAMES)
    run(out, config, until="loop_0.filter")
    assert (manifest(out)["generator"], manifest(out)["is_learned"]) == ("mdm_lite", True)
    rows = read_lines(out / "loop_0" / "generated.jsonl")
    assert len(rows) == 4 and all(row["is_learned"] for row in rows)
    assert len({path.read_bytes() for path in (out / "loop_0" / "generated").glob("*.npz")}) == 4
    judged = read_lines(out / "loop_0" / "filters.jsonl")
    assert [row["clip"] for row in judged] == [row["clip"] for row in rows] and all(row["filters"] for row in judged)
    assert started(run(out, resume=True, until="loop_0.filter")) == {}


def advice(request: Request) -> Reply:
    """An adviser that wants the last of what it is offered: another phrase."""
    listed = request.json["messages"][1]["content"][0]["text"].partition("Operations:\n")[2]
    last = max(int(line.partition(".")[0]) for line in listed.splitlines() if line[0].isdigit())
    return chat({"seen": "it hovers", "chosen": [last], "reason": "it hovers"})


def test_a_vision_language_model_advises_a_refinement(tmp_path: Path, fakes: None, stub_server: StubServer) -> None:
    stub_server.responder = advice
    endpoint = {"base_url": stub_server.base_url, "model": "m", "api_key_env": "", "retries": 0}
    refine = {"on": True, "options": {"rounds": 2, "adviser": {"endpoint": endpoint, "frames": 4}}}
    out = tmp_path / "out"
    changes = {"generator__options": {"hover": ["sport"]}}
    run(out, write_config(tmp_path, refine=refine, **changes), until="loop_0.generate")
    # It is asked about the motions that hover, the two of one domain.
    assert len(stub_server.requests) == 2
    rows = read_lines(out / "loop_0" / "generated.jsonl")
    for row in rows:
        assessed = [s["data"]["instructions"] for s in row["refinement"]["transcript"]["steps"] if s["tag"] == "assess"]
        chosen = [(each["operation"], each["reason"]) for each in assessed[0]]
        assert chosen == ([("swap_phrase", "it hovers")] if row["prompt"]["domain"] == "sport" else [])
    assert any("vlm:m ask for swap phrase" in row["refinement"]["transcript"]["text"] for row in rows)
    costs = read_costs(out / "language" / "costs.jsonl")
    assert [line["purpose"] for line in costs] == ["refinement"] * 2
    stub_server.close()
    adviser = refine["options"]["adviser"]
    adviser["cassette"] = {"mode": "replay", "path": str(out / "language" / "cassette.jsonl")}
    again = tmp_path / "again"
    run(again, write_config(tmp_path, refine=refine, **changes), until="loop_0.generate")
    assert read_lines(again / "loop_0" / "generated.jsonl") == rows
    # A replay that does not know a question is another run: it stops.
    adviser["frames"] = 5
    with pytest.raises(AthenaError, match="holds no answer to this question"):
        run(tmp_path / "other", write_config(tmp_path, refine=refine, **changes), until="loop_0.generate")


@pytest.mark.parametrize(
    ("adviser", "message"),
    [
        ({"endpoints": {}}, "refine.options.adviser: .*endpoints.*did you mean 'endpoint'"),
        (
            {"endpoint": {"base_url": "http://localhost:abc/v1", "model": "m"}},
            "adviser.endpoint.base_url: .*no address",
        ),
        ({"endpoint": {"model": "m", "api_key_env": "ATHENA_NO_KEY"}}, "adviser.endpoint.api_key_env: .*is not set"),
    ],
)
def test_an_adviser_that_cannot_work_is_refused_before_any_work(
    adviser: dict[str, Any], message: str, tmp_path: Path, fakes: None
) -> None:
    config = write_config(tmp_path, refine={"on": True, "options": {"adviser": adviser}})
    with pytest.raises(AthenaError, match=message):
        run(tmp_path / "out", config)
    assert not (tmp_path / "out" / "loop_0").exists()


def hardest(request: Request) -> Reply:
    """What a language model would answer that always takes the last phrase of the highest tier."""
    data, library = (json.loads(message["content"].partition("\n")[2]) for message in request.json["messages"][1:3])
    phrases = {axis: tiers[max(tiers)] for axis, tiers in library["phrases_by_axis_and_tier"].items()}
    texts = dict.fromkeys(("harder_by", "phrases_why", "template_why"), "so")
    sets = [
        {"set": each["set"], "change": "moderate", "template": min(library["templates"]), **texts}
        | {axis: [found[-1 - each["set"] % len(found)]] for axis, found in phrases.items()}
        for each in data["sets"]
    ]
    return chat({"group_analysis": "they swing", "sets": sets})


def test_a_language_model_schedules_a_loop(tmp_path: Path, fakes: None, stub_server: StubServer) -> None:
    """A server that is down stops the run where nothing is lost; once it is up the run goes on."""
    endpoint = {"base_url": stub_server.base_url, "model": "m", "api_key_env": "", "retries": 0}
    options = {"endpoint": endpoint, "on_failure": "stop", "workers": 1, "rule": {"exploration": 0.0}}
    config = write_config(tmp_path, scheduler={"name": "llm", "options": options})
    out = tmp_path / "out"
    stub_server.responder = lambda request: failure(503, "asleep")
    with pytest.raises(AthenaError, match=r"^loop_1.prompts: scheduler llm: loop 1: .*run again to go on"):
        run(out, config, until="loop_1.prompts")
    stub_server.responder = hardest
    assert set(started(run(out, resume=True, until="loop_1.prompts"))) == {"loop_1.prompts"}
    schedule = json.loads((out / "loop_1" / "schedule.json").read_text())
    children = [entry for entry in schedule["log"] if entry["kind"] == "child"]
    prompts = read_lines(out / "loop_1" / "prompts.jsonl")
    assert manifest(out)["scheduler"] == schedule["scheduler"] == "llm"
    assert children and {entry["chosen"]["prompt"] for entry in children} <= {prompt["id"] for prompt in prompts}
    before = read_lines(out / "loop_0" / "prompts.jsonl")
    assert min(prompt["tier"] for prompt in prompts) > max(prompt["tier"] for prompt in before)
    assert all(set(prompt["slots"]) == set(AXES) for prompt in prompts)
    assert {line["purpose"] for line in read_costs(out / "language" / "costs.jsonl")} == {"schedule"}
    # What the run has recorded answers for the server, in the run itself.
    stub_server.close()
    again = run(out, resume=True, until="loop_1.generate", overrides=["scheduler.options.cassette={mode: replay}"])
    assert set(started(again)) == {"loop_0.prompts", "loop_1.prompts", "loop_1.generate"}
    assert read_lines(out / "loop_1" / "prompts.jsonl") == prompts
    repeated = json.loads((out / "loop_1" / "schedule.json").read_text())["log"]
    assert [entry for entry in repeated if entry["kind"] == "child"] == children
    last = read_costs(out / "language" / "costs.jsonl")[-1]
    assert last["replayed"] == last["calls"] == 1


@pytest.mark.parametrize(
    ("ablation", "hidden"),
    [
        ("without_metrics", {"error", "success"}),
        ("without_judge", {"difficulty"}),
        ("without_both", {"error", "success", "difficulty"}),
        ("without_variables", set()),
    ],
)
def test_an_ablated_scheduler_in_the_loop(ablation: str, hidden: set[str], tmp_path: Path, fakes: None) -> None:
    config = write_config(tmp_path, scheduler={"name": "rule", "ablation": ablation})
    out = tmp_path / "out"
    run(out, config, until="loop_1.prompts")
    schedule = json.loads((out / "loop_1" / "schedule.json").read_text())
    prompts = read_lines(out / "loop_1" / "prompts.jsonl")
    assert (manifest(out)["ablation"], schedule["scheduler"]) == (ablation, f"rule {ablation}")
    if ablation == "without_variables":
        # Free text has no clip of the bank's to descend from.
        assert prompts and not any(prompt["slots"] or prompt["parents"] for prompt in prompts)
        assert schedule["log"][-1]["kind"] == ablation
        return
    children = [entry["seen"] for entry in schedule["log"] if entry["kind"] == "child"]
    for key in ("error", "success", "difficulty"):
        assert children and all((seen[key] is None) == (key in hidden) for seen in children), key
    assert all(prompt["slots"] for prompt in prompts)
