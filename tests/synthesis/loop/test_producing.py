"""From prompts to motions within the loop: as they are generated, or refined."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.loop.producing import generated
from athena_wbc.synthesis.loop.store import load_motion, read_lines
from athena_wbc.synthesis.motion import SyntheticMotion
from athena_wbc.synthesis.prompt import Prompt
from tests.synthesis.loop.small_loop import ArmsConfig, ArmsGenerator, manifest, run, write_config


def test_one_motion_for_each_prompt() -> None:
    prompts = [Prompt("walks", "dance"), Prompt("runs", "sport")]
    found = generated(ArmsGenerator(ArmsConfig()), prompts, 24, 0)
    assert [motion.prompt_id for motion in found] == [prompt.id for prompt in prompts]


class Forgetful(ArmsGenerator):
    name = "forgetful"

    def generate(self, prompts: Sequence[Prompt], frames: int, seed: int) -> list[SyntheticMotion]:
        return super().generate(prompts, frames, seed)[:-1]


def test_a_generator_that_forgets_a_prompt() -> None:
    with pytest.raises(AthenaError, match="generator 'forgetful': gave 1 motions for 2 prompts"):
        generated(Forgetful(ArmsConfig()), [Prompt("walks"), Prompt("runs")], 24, 0)


def test_refinement_is_on_record(tmp_path: Path, fakes: None) -> None:
    config = write_config(
        tmp_path, refine={"on": True, "options": {"rounds": 2}}, generator__options={"hover": ["sport"]}
    )
    run(tmp_path / "out", config, until="loop_0.filter")
    home = tmp_path / "out" / "loop_0"
    rows = read_lines(home / "generated.jsonl")
    assert {row["refinement"]["rounds"] for row in rows if row["prompt"]["domain"] == "sport"} == {2}
    for row in rows:
        steps = row["refinement"]["transcript"]["steps"]
        assert [step["tag"] for step in steps[:3]] == ["plan", "analyze", "plan"]
        # What was refined is prepared already: it is filtered as it is.
        raw, note = load_motion(home / "generated" / f"{row['clip']}.npz")
        assert note["prepared"] and load_motion(home / "prepared" / f"{row['clip']}.npz")[0].digest == raw.digest
        assert row["asked"] in {row["prompt"]["id"], *row["prompt"]["parents"]}
    settings = manifest(tmp_path / "out")["stages"]["loop_0.generate"]["settings"]
    assert settings["refine"]["filters"] and json.dumps(settings)


@pytest.mark.parametrize("refined", [False, True])
def test_the_released_conversion_is_filtered_as_released(refined: bool, tmp_path: Path, fakes: None) -> None:
    # The teleport of a metre stays below 2.5 m: the released acceptance has nothing against it.
    config = write_config(
        tmp_path,
        conversion__claims_compat=True,
        refine={"on": refined, "options": {"rounds": 2}},
        generator__options={"hover": ["sport"]},
    )
    run(tmp_path / "out", config, until="loop_0.filter")
    home = tmp_path / "out" / "loop_0"
    assert [row["passed"] for row in read_lines(home / "filters.jsonl")] == [True] * 4
    if refined:
        assert {row["refinement"]["rounds"] for row in read_lines(home / "generated.jsonl")} == {1}
    run(tmp_path / "strict", config, until="loop_0.filter", overrides=["filters.root_high=1.5"])
    rows = read_lines(tmp_path / "strict" / "loop_0" / "filters.jsonl")
    assert [row["passed"] for row in rows] == ["sport" not in row["clip"] for row in rows]
