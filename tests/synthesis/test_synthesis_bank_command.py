"""``athena prompts``, as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from athena_wbc import cli
from athena_wbc.synthesis.bank_file import load_bank
from athena_wbc.synthesis.prompt import prompt_from_dict
from athena_wbc.synthesis.sampling import sample_prompts

OWN = """
templates:
  plain: "The person does {base_action}, then {combo_action}, with {detail}, at {speed_rhythm}."
base_action: [{text: a squat, tier: 1}]
combo_action: [{text: a jump and a spin, tier: 2}]
detail: [{text: wide arms, tier: 1}]
speed_rhythm: [{text: a fast pace, tier: 3}]
"""


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(["prompts", *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(["prompts", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("athena: error: ") and captured.err.count("\n") == 1
    return captured.err


@pytest.fixture
def own(tmp_path: Path) -> str:
    path = tmp_path / "parkour.yaml"
    path.write_text(OWN)
    return str(path)


def test_the_bank_is_listed(capsys: pytest.CaptureFixture[str], own: str) -> None:
    text = run(capsys, "list", "--bank", own)
    assert all(name in text for name in load_bank().domains)
    assert text.splitlines()[6].split() == "parkour 1 + 0 + 0 0 + 1 + 0 1 + 0 + 0 0 + 0 + 1 1 1".split()
    assert "hash of the bank" in text


def test_a_domain_is_listed_with_what_was_understood(capsys: pytest.CaptureFixture[str], own: str) -> None:
    text = run(capsys, "list", "parkour", "--bank", own, "--only")
    assert "jump, spin" in text and "tempo 1.35" in text and "{combo_action}" in text


def test_samples_are_written_as_they_are_drawn(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "prompts.jsonl"
    run(capsys, "sample", "--count", "3", "--seed", "5", "--tier", "2.5", "--loop", "1", "--out", str(out))
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    prompts = [prompt_from_dict(line, "test") for line in lines]
    assert prompts == sample_prompts(load_bank(), 3, 5, 2.5, loop=1)
    assert [line["id"] for line in lines] == [prompt.id for prompt in prompts]


def test_samples_are_shown(capsys: pytest.CaptureFixture[str], own: str) -> None:
    text = " ".join(run(capsys, "sample", "--bank", own, "--domain", "parkour", "--count", "1").split())
    assert "The person does a squat, then a jump and a spin, with wide arms, at a fast pace." in text
    assert run(capsys, "sample", "--random", "--count", "7").count("The person") == 7
    # The identifier is what an index of the generator `folder` names.
    assert sample_prompts(load_bank([own]), 1, 0)[-1].id in text


def test_a_domain_of_ones_own_is_checked(capsys: pytest.CaptureFixture[str], own: str) -> None:
    text = run(capsys, "check", own)
    assert "parkour: base_action: no phrase of tier 2" in text and "every rule is kept; 8 remarks" in text


def test_a_reading_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "read", "The person quickly turns around and kicks twice") == (
        "1. turn turns 0.5\n2. front_kick count 2\nmanner: tempo 1.35\ntier: 2.39\n"
    )
    assert "note: no move of the vocabulary was found" in run(capsys, "read", "人は走る")
    assert json.loads(run(capsys, "read", "jumps", "--json"))["moves"] == [{"move": "jump"}]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("list danse", "bank: domain unknown 'danse'; did you mean 'dance'?"),
        ("list --only", "bank: has no domain"),
        ("list --bank gone.yaml", "gone.yaml: no such file; name a YAML file of a domain"),
        ("sample --domain danse", "bank: domain unknown 'danse'; did you mean 'dance'?"),
        ("sample --tier 4", "tier: must be from 1 (basic) to 3 (hard), is 4"),
        ("sample --tier 2 --spread 0", "spread: must be above 0, is 0"),
        ("sample --spread 1", "--spread: is about --tier; give both"),
        ("sample --random --tier 2", "--tier: is of the bank, which --random does without"),
        ("sample --random --domain dance", "--domain: is of the bank, which --random does without"),
        ("sample --count 0", "--count: must be 1 or more, is 0"),
        ("check gone.yaml", "gone.yaml: no such file"),
        ("chek x", "unknown 'chek'; did you mean 'check'?"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: str, expected: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert expected in refused(capsys, *arguments.split())


def test_a_broken_domain_names_file_and_key(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "parkour.yaml"
    path.write_text(OWN.replace("tier: 2", "tier: 5"))
    assert f"{path}: combo_action: phrase 1 ('a jump and a spin'): tier: must be 1" in refused(
        capsys, "check", str(path)
    )
