"""What a loop's configuration takes, and what it refuses."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest
import yaml

from athena_wbc.errors import AthenaError
from athena_wbc.resources import config_names
from athena_wbc.synthesis.config import load_synthesis, scheduler_options, to_dict
from athena_wbc.synthesis.convert import claims_filters
from athena_wbc.synthesis.filters import FilterConfig
from athena_wbc.synthesis.loop.resolve import check_parts, resolve_loop


def test_the_presets_can_be_run() -> None:
    assert {"demo", "default"} <= set(config_names("synthesis"))
    for name in config_names("synthesis"):
        config = load_synthesis(name)
        resolved = resolve_loop(config, name)
        assert resolved.judging["resolved"]["protocol"] == config.evaluation.protocol
        assert config.generator.name == "library"  # no network, no weights
        check_parts(config, name, Path("nowhere"))
    assert load_synthesis("demo").loops == 2


def test_a_recorded_configuration_comes_back(tmp_path: Path) -> None:
    # Infinity has no form in JSON: it is recorded as a text, and read as a number again.
    config = load_synthesis("demo", ["filters.skating=inf", f"motions_root={tmp_path}"])
    recorded = to_dict(config)
    assert recorded["filters"]["skating"] == "inf"
    assert load_synthesis(None, recorded=("manifest.json", recorded)) == config


def test_the_released_conversion_brings_its_filters(tmp_path: Path) -> None:
    compat = load_synthesis("demo", ["conversion.claims_compat=true"])
    assert compat.filters == claims_filters()
    # What is given wins, even where it is the default of the other conversion.
    given = ["filters.bone_drift=0.02", "filters.root_low=-inf"]
    mixed = load_synthesis("demo", ["conversion.claims_compat=true", *given])
    assert mixed.filters == dataclasses.replace(claims_filters(), bone_drift=0.02, root_low=-math.inf)
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump({"inherit": "default", "filters": {"skating": 0.3}}))
    own = load_synthesis(str(path), ["conversion.claims_compat=true"], given={"scheduler": "random"})
    assert own.filters == dataclasses.replace(claims_filters(), skating=0.3)
    # A recorded run goes on as it was, and changes as a file would.
    for config in (compat, mixed):
        assert load_synthesis(None, recorded=("manifest.json", to_dict(config))) == config
    back = load_synthesis(None, ["conversion.claims_compat=false"], recorded=("manifest.json", to_dict(compat)))
    assert back.filters == FilterConfig()
    plain = to_dict(load_synthesis("demo", ["filters.skating=0.3"]))
    there = load_synthesis(None, ["conversion.claims_compat=true"], recorded=("manifest.json", plain))
    assert there.filters == dataclasses.replace(claims_filters(), skating=0.3)


def test_another_part_has_other_options(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        yaml.safe_dump({"inherit": "default", "scheduler": {"name": "rule", "options": {"start_tier": 2.0}}})
    )
    assert load_synthesis(str(path)).scheduler.options == {"start_tier": 2.0}
    assert load_synthesis(str(path), given={"scheduler": "rule"}).scheduler.options == {"start_tier": 2.0}
    assert load_synthesis(str(path), given={"scheduler": "random"}).scheduler.options == {}


def test_a_scheduler_in_the_place_of_another_keeps_what_both_share(tmp_path: Path) -> None:
    """A language model chooses phrases in the rule's plan, so a run of it has the rule's gates."""
    path, gates = tmp_path / "own.yaml", {"mastered_success": 0.0, "rehearsal": 0.5}
    path.write_text(yaml.safe_dump({"inherit": "demo", "scheduler": {"name": "rule", "options": gates}}))
    rule = load_synthesis(str(path)).scheduler.options
    assert rule["start_tier"] == 1.0 and rule["rehearsal"] == 0.5
    assert load_synthesis(str(path), given={"scheduler": "llm"}).scheduler.options == {"rule": rule}
    assert load_synthesis(str(path), given={"scheduler": "random"}).scheduler.options == {"rehearsal": 0.5}
    path.write_text(
        yaml.safe_dump({"inherit": "default", "scheduler": {"name": "llm", "options": {"group": 3, "rule": gates}}})
    )
    assert load_synthesis(str(path), given={"scheduler": "rule"}).scheduler.options == gates
    assert load_synthesis(str(path), given={"scheduler": "random"}).scheduler.options == {"rehearsal": 0.5}
    assert load_synthesis(str(path), given={"scheduler": "one_shot"}).scheduler.options == {}


@pytest.mark.parametrize(
    ("old", "options", "new", "kept"),
    [
        ("random", {"rehearsal": 0.4}, "rule", {"rehearsal": 0.4}),
        ("random", {"rehearsal": 0.4}, "llm", {"rule": {"rehearsal": 0.4}}),
        ("random", {"rehearsal": 0.4}, "one_shot", {}),
        ("one_shot", {"start_tier": 2.0, "loops": 3}, "rule", {"start_tier": 2.0}),
        ("one_shot", {"start_tier": 2.0}, "llm", {"rule": {"start_tier": 2.0}}),
        ("one_shot", {"start_tier": None}, "rule", {}),
        ("one_shot", {"start_tier": None}, "llm", {}),
        ("one_shot", {"start_tier": 2.0}, "random", {}),
        ("rule", {"start_tier": 2.0, "hard_mm": 1000.0}, "one_shot", {"start_tier": 2.0}),
        ("mine", {"start_tier": 2.0, "rehearsal": 0.4}, "rule", {}),
    ],
)
def test_what_two_schedulers_know_is_kept_in_either_direction(
    old: str, options: dict[str, object], new: str, kept: dict[str, object], tmp_path: Path
) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump({"inherit": "default", "scheduler": {"name": old, "options": options}}))
    assert load_synthesis(str(path), given={"scheduler": new}).scheduler.options == kept


def test_the_control_has_as_many_prompts_from_the_same_start() -> None:
    """``--scheduler one_shot`` with the demo: 6 prompts of 5 domains in 2 loops, from tier 1."""
    config = load_synthesis("demo", given={"scheduler": "one_shot"})
    assert config.scheduler.options == {"start_tier": 1.0}
    assert scheduler_options(config) == {"start_tier": 1.0, "loops": 2}
    config.scheduler.options["loops"] = 5
    assert scheduler_options(config)["loops"] == 5
    assert scheduler_options(load_synthesis("demo")) == load_synthesis("demo").scheduler.options


def test_paths_start_where_the_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "takes").mkdir()
    (tmp_path / "index.json").write_text("{}")
    config = load_synthesis(
        "demo",
        ["generator.name=folder", "generator.options.path=./takes", "generator.options.index=index.json",
         "generator.options.glob='*.npz'", "generator.options.url=http://127.0.0.1:1/index.json", "bank=[mine]"],
    )  # fmt: skip
    assert config.bank == [str(tmp_path / "mine")] and config.motions_root == str(tmp_path)
    assert config.generator.options == {
        "path": str(tmp_path / "takes"),
        "index": str(tmp_path / "index.json"),
        "glob": "*.npz",
        "url": "http://127.0.0.1:1/index.json",
    }


def test_names_that_a_server_knows_are_no_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = "Qwen/Qwen2.5-VL-7B-Instruct"
    (tmp_path / model).mkdir(parents=True)
    endpoint = {"model": model, "extra": {"adapter": model}}
    config = load_synthesis(
        "demo",
        [f"judge.options.endpoint={json.dumps(endpoint)}", f"scheduler.options.members={json.dumps([endpoint])}",
         f"refine.options.adviser.endpoint={json.dumps(endpoint)}", f"generator.options.weights={model}"],
    )  # fmt: skip
    assert config.judge.options["endpoint"] == config.refine.options["adviser"]["endpoint"] == endpoint
    assert config.scheduler.options["members"] == [endpoint]
    assert config.generator.options["weights"] == str(tmp_path / model)


def test_recordings_start_where_the_command_runs_before_they_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = {"cassette": {"mode": "record", "path": "tape.jsonl"}, "costs": "costs"}
    parts = ("judge.options", "scheduler.options", "refine.options.adviser")
    config = load_synthesis("demo", [f"{part}={json.dumps(options)}" for part in parts])
    rooted = {"cassette": {"mode": "record", "path": str(tmp_path / "tape.jsonl")}, "costs": str(tmp_path / "costs")}
    assert config.judge.options == config.refine.options["adviser"] == rooted
    assert rooted.items() <= config.scheduler.options.items()
    # What names no file has that of the run.
    assert load_synthesis("demo", ["judge.options={cassette: {path: ''}, costs: ''}"]).judge.options == {
        "cassette": {"path": ""},
        "costs": "",
    }


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("lops=2", "lops: unknown key 'lops'; did you mean 'loops'?"),
        ("loops=0", "loops: must be 1 or more, is 0"),
        ("frames=3", "frames: must be from 20 to 4000"),
        ("seeds=[1,1]", "seeds: [1, 1]: give one or more different numbers"),
        ("training.earlier=some", "training.earlier: unknown 'some'"),
        ("on_empty_domain=ignore", "on_empty_domain: unknown 'ignore'"),
        ("judge.accept=[]", "judge.accept: names no verdict"),
        ("judge.accept=[alinged]", "judge.accept: verdict unknown 'alinged'; did you mean 'aligned'?"),
        ("filters.penetration=-1", "filters.penetration: must be zero or more"),
        ("conversion.smoothing=some", "conversion.smoothing: unknown 'some'"),
        ("analysis.source=[]", "analysis.source: names no motions"),
        ("fixed.motions=[]", "fixed.motions: names none"),
    ],
)
def test_what_no_loop_can_be_run_with(override: str, message: str) -> None:
    with pytest.raises(AthenaError) as caught:
        load_synthesis("demo", [override])
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["training.recipe=genral"], "training: recipe: unknown 'genral'"),
        (["training.recipe=student"], "training.recipe: 'student' learns from teachers"),
        (["evaluation.protocol=phd"], "evaluation: "),
        (["training.pipeline=demoo"], "training.pipeline: "),
        (["training.pipeline=demo", "training.policy=finetun"], "training.policy: unknown 'finetun'"),
    ],
)
def test_what_its_files_refuse(overrides: list[str], message: str) -> None:
    with pytest.raises(AthenaError) as caught:
        resolve_loop(load_synthesis("demo", overrides), "demo")
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["generator.name=libary"], "default: generator: generator unknown 'libary'; did you mean 'library'?"),
        (["generator.options.mocpa=none"], "default: generator: mocpa: unknown key 'mocpa'; did you mean 'mocap'?"),
        (["generator.options.mocap=./nowhere"], "mocap: './nowhere' is no folder"),
        (["generator.name=folder"], "default: generator: folder: names no folder"),
        (["generator.name=folder", "generator.options.folder=./nowhere"], "generator: folder: nowhere: is no folder"),
        (["generator.name=folder", "generator.options.folder=takes"], "takes: would be looked for in the folder of"),
        (["generator.name=folder", "generator.options={folder: ./takes, index: ./no.jsonl}"], "no.jsonl: no such file"),
        (["generator.name=mdm"], "default: generator: checkpoint: names no file"),
        (["generator.name=mdm", "generator.options.checkpoint=./model.pt"], "checkpoint: model.pt: no such file"),
        (["generator.name=mdm_lite", "generator.options.motions=./nowhere"], "generator: folder: nowhere: is no fold"),
        (["generator.name=http"], "default: generator: url: "),
        (
            ["generator.name=http", "generator.options={url: 'http://a/b', token_variable: ATHENA_TEST_TOKEN}"],
            "default: generator: http: token_variable: the environment variable ATHENA_TEST_TOKEN is not set",
        ),
        (
            ["generator.name=irg", "generator.options.api_key_env=ATHENA_TEST_TOKEN"],
            "api_key_env: the environment variable ATHENA_TEST_TOKEN is not set",
        ),
        (["judge.name=vml"], "default: judge: judge unknown 'vml'; did you mean 'vlm'?"),
        (["judge.options.flight_sped=1"], "default: judge: flight_sped: unknown key 'flight_sped'"),
        (["judge.name=vlm"], "default: judge.endpoint.model: is empty"),
        (
            ["judge.name=vlm", "judge.options.endpoint={model: m, api_key_env: ATHENA_TEST_TOKEN}"],
            "default: judge.endpoint.api_key_env: the environment variable ATHENA_TEST_TOKEN is not set",
        ),
        (
            ["judge.name=vlm", "judge.options={endpoint: {model: m}, cassette: {mode: replay}}"],
            "out/language/cassette.jsonl: no recording to replay",
        ),
        (["scheduler.name=rules"], "default: scheduler: scheduler unknown 'rules'; did you mean 'rule'?"),
        (["scheduler.options.start_teir=2"], "default: scheduler: start_teir: unknown key 'start_teir'"),
        (["scheduler.ablation=without_jugde"], "ablation: unknown 'without_jugde'; did you mean 'without_judge'?"),
        (
            ["scheduler.name=llm", "scheduler.options={endpoint: {model: m}, cassette: {mode: replay}}"],
            "out/language/cassette.jsonl: no recording to replay",
        ),
        (["refine.on=true", "refine.options.rounds=9"], "refine.options: rounds: must be from 1 to 5, is 9"),
    ],
)
def test_what_its_parts_refuse(
    overrides: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ATHENA_TEST_TOKEN", raising=False)
    (tmp_path / "takes").mkdir()
    with pytest.raises(AthenaError) as caught:
        check_parts(load_synthesis("default", overrides), "default", tmp_path / "out")
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_no_key_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATHENA_TEST_TOKEN", "secret\nnonsense")
    options = "judge.options.endpoint={model: m, api_key_env: ATHENA_TEST_TOKEN}"
    with pytest.raises(AthenaError, match="ATHENA_TEST_TOKEN holds no key") as caught:
        check_parts(load_synthesis("demo", ["judge.name=vlm", options]), "demo", Path("out"))
    assert "secret" not in str(caught.value)


def test_a_pipeline_may_train() -> None:
    config = load_synthesis("demo", ["training.pipeline=demo"])
    resolved = resolve_loop(config, "demo")
    assert resolved.policy == "finetune" and resolved.pipeline_policies["general"] > 0
