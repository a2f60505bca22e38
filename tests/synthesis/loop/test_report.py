"""The report of a run, and the comparison of several."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from athena_wbc import cli
from athena_wbc.errors import AthenaError
from athena_wbc.files import write_json
from athena_wbc.synthesis.language.costs import CostLog, Usage
from athena_wbc.synthesis.report.compare import compare_runs, find_runs, write_comparison
from athena_wbc.synthesis.report.findings import read_run
from athena_wbc.synthesis.report.tables import costs_table, decisions
from athena_wbc.synthesis.report.write import verdict
from tests.synthesis.loop.small_loop import manifest


class Tags(HTMLParser):
    """Collects what a page refers to, and that its tags pair."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.references: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        self.references += [values[key] or "" for key in ("src", "href") if key in values]
        if values.get("id"):
            self.ids.append(str(values["id"]))
        if tag not in ("meta", "img", "br", "path", "use", "line", "rect", "circle"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("path", "use", "line", "rect", "circle"):
            return
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if self.open and self.open[-1] == tag:
            self.open.pop()


def read(path: Path) -> Tags:
    tags = Tags()
    tags.feed(path.read_text())
    assert not tags.open
    return tags


def test_the_page_opens_offline(loop_home: Path) -> None:
    page = loop_home / "out" / "report.html"
    tags = read(page)
    assert all(each.startswith(("#", "data:image/png;base64,")) for each in tags.references)
    assert len(set(tags.ids)) == len(tags.ids)
    titles = re.findall(r"<h2>(.*?)</h2>", page.read_text())
    assert titles == [
        "Loops", "Trackers", "Domains", "Motions", "Speeds and accelerations", "Overlap with the source",
        "Kept and dropped", "The scheduler&#x27;s decisions", "Stages", "Going on",
    ]  # fmt: skip
    strips = sum(each.startswith("data:image/png") for each in tags.references)
    assert strips == 4  # of two domains in two loops


def test_its_numbers_are_in_the_record(loop_home: Path) -> None:
    out = loop_home / "out"
    record = json.loads((out / "report.json").read_text())
    assert record["loops"][0]["difficulty"] == manifest(out)["loops"][0]["difficulty"]
    assert set(record["sets"]) == {"source", "loop 0", "loop 1"}
    assert 0.0 <= record["sets"]["loop 1"]["overlap"]["inside"] <= 1.0
    assert record["sets"]["source"]["speed"]["p50"] > 0.0 and record["baseline"]["clips"] == 1
    assert any("compare several seeds" in note for note in record["notes"])
    table = (out / "table.md").read_text()
    assert "| loop | prompts | kept |" in table and "| of loop 1 |" in table


def test_a_judge_that_gave_no_answer_is_told(study: Path) -> None:
    path = study / "rule_1" / "manifest.json"
    content = json.loads(path.read_text())
    content["stages"]["loop_1.record"]["summary"]["stood_in"] = 3
    write_json(path, content)
    (note,) = read_run(study / "rule_1", with_motions=False).notes
    assert note.startswith("loop 1: the judge 'nodding' gave no answer for 3 motions, and another stood in")
    assert compare_runs([study]).notes == [f"{study / 'rule_1'}: {note}"]


def test_what_language_models_took_is_summed(out: Path) -> None:
    log = CostLog(out / "language" / "costs.jsonl")
    log.add(Usage("qwen", 1200, 90, 2.5, 0.5), "alignment")
    log.add(Usage("qwen", 800, 10, 1.5, 0.25), "difficulty")
    log.add(Usage("gem", 300, 7, 100.0, None, replayed=1), "schedule")
    assert cli.main(["report", str(out)]) == 0
    assert json.loads((out / "report.json").read_text())["language"]["qwen"]["input_tokens"] == 2000
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in costs_table(read_run(out, False)).blocks[0].rows}
    assert rows == {
        "gem": ["1", "1", "300", "7", "1.7 min", "–"],
        "qwen": ["2", "0", "2000", "100", "4 s", "0.75"],
    }
    page = (out / "report.html").read_text()
    assert "<h2>Language models</h2>" in page
    read(out / "report.html")


def test_examples_of_decisions(loop_home: Path) -> None:
    run = read_run(loop_home / "out", with_motions=False)
    heading, pairs = decisions(run)[0]
    told = dict(pairs)
    assert heading.startswith("loop 1, ") and "error" in told["parent"] and "tier" in told["child"]
    assert told["parent"] != told["child"] and told["why"]


def test_what_is_missing_is_told(out: Path) -> None:
    shutil.rmtree(out / "loop_1" / "corpus")
    (out / "loop_0" / "schedule.json").unlink()
    shutil.rmtree(out / "loop_0" / "prepared")
    assert cli.main(["report", str(out)]) == 0
    page = (out / "report.html").read_text()
    assert "loop1_" in page and "no such file" in page and "schedule.json: cannot be read" in page
    read(out / "report.html")


def test_a_verdict_that_does_not_flatter(loop_home: Path) -> None:
    run = read_run(loop_home / "out", with_motions=False)
    run.loops[0].figures["difficulty"], run.loops[1].figures["difficulty"] = 0.5, 0.4
    assert "does not rise: 0.500 in loop 0, 0.400" in verdict(run)[1]
    run.loops[1].figures["difficulty"] = 0.6
    assert "Difficulty by the fixed tracker rises" in verdict(run)[1]


def variant(source: Path, target: Path, scheduler: str, seed: int, last: float) -> Path:
    """A copy of a run's records, as of another scheduler and seed, with another difficulty of the last loop."""
    target.mkdir(parents=True)
    content = manifest(source)
    content |= {"scheduler": scheduler, "seed": seed}
    content["config"]["scheduler"]["name"] = scheduler
    content["config"]["seeds"] = [seed]
    for loop, difficulty in ((0, 0.5), (1, last)):
        content["stages"][f"loop_{loop}.record"]["summary"]["difficulty"] = difficulty
        (target / f"loop_{loop}").mkdir()
        for name in ("clips.jsonl", "schedule.json"):
            shutil.copy(source / f"loop_{loop}" / name, target / f"loop_{loop}" / name)
    write_json(target / "manifest.json", content)
    return target


@pytest.fixture
def study(loop_home: Path, tmp_path: Path) -> Path:
    rises = {"rule": (0.1, 0.2, 0.3), "random": (0.0, 0.05, -0.05)}
    for scheduler, values in rises.items():
        for seed, rise in enumerate(values):
            variant(loop_home / "out", tmp_path / "study" / f"{scheduler}_{seed}", scheduler, seed, 0.5 + rise)
    return tmp_path / "study"


def test_groups_and_intervals_by_hand(study: Path) -> None:
    comparison = compare_runs([study])
    assert [(group.name, len(group.runs)) for group in comparison.groups] == [("rule", 3), ("random", 3)]
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in comparison.table.blocks[0].rows}
    # Three values one tenth apart: 0.2 with Student's t(0.975, 2) = 4.303 times 0.1 / sqrt 3.
    assert rows["rise of difficulty (1 − TIS, fixed tracker)"][0] == "0.200 [−0.048, 0.448]"
    row = next(row for row in comparison.differences.blocks[0].rows if "rise of difficulty" in row[1].text)
    # Differences 0.1, 0.15 and 0.35 of the seeds.
    assert (row[0].text, row[2].text[:6], row[3].text) == ("rule − random", "+0.200", "3")
    assert comparison.notes == []


def test_the_comparison_is_written(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["synthesize", "compare", str(study), "--out", str(study)]) == 0
    assert "rule (3)" in capsys.readouterr().out
    read(study / "comparison.html")
    record = json.loads((study / "comparison.json").read_text())
    assert record["groups"]["rule"]["difficulty_rise"]["mean"] == pytest.approx(0.2)
    assert "| rule − random |" in (study / "comparison.md").read_text()


def test_what_should_not_differ_is_told(study: Path) -> None:
    path = study / "random_1" / "manifest.json"
    content = json.loads(path.read_text())
    content["config"]["training"]["iterations"] = 99
    content["stages"]["fixed"]["outputs"]["fixed/checkpoints/model_2.pt"] = "0" * 64
    write_json(path, content)
    notes = write_comparison([study], None).notes
    assert any("training iterations (2, 99)" in note for note in notes)
    assert any("the fixed tracker (2 different)" in note for note in notes)


def change(run: Path, key: str, value: object) -> None:
    """Set a dotted key of a run's recorded configuration."""
    content = json.loads((run / "manifest.json").read_text())
    *parents, last = key.split(".")
    node = content["config"]
    for parent in parents:
        node = node[parent]
    node[last] = value
    write_json(run / "manifest.json", content)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("scheduler.options", {"hard_mm": 1000.0}, "scheduler.options.hard_mm=1000.0"),
        ("refine.on", True, "refine.on=true"),
        ("training.num_envs", 8, "training.num_envs=8"),
        ("judge.accept", ["aligned"], 'judge.accept=["aligned"]'),
        ("filters.skating", 9.5, "filters.skating=9.5"),
        ("frames", 40, "frames=40"),
        ("generator.options", {"url": "http://a?k=hush"}, "generator.options.url=#bf3250"),
    ],
)
def test_runs_that_differ_in_more_than_their_seed_are_no_group(study: Path, key: str, value: object, told: str) -> None:
    change(study / "rule_1", key, value)
    groups = {group.name: [run.manifest["seed"] for run in group.runs] for group in compare_runs([study]).groups}
    assert [seeds for name, seeds in groups.items() if name == f"rule {told}"] == [[1]]
    assert sorted(map(sorted, groups.values())) == [[0, 1, 2], [0, 2], [1]]
    assert len(groups) == 3 and all(name.startswith("rule ") for name in list(groups)[:2]), "the rule comes first"


def test_places_and_batches_make_no_groups(study: Path) -> None:
    for key, value in (("motions_root", "/elsewhere"), ("judge.batch", 7), ("analysis.points", 10), ("loops", 9)):
        change(study / "rule_1", key, value)
    assert [len(group.runs) for group in compare_runs([study]).groups] == [3, 3]


def test_a_fixed_tracker_is_the_same_by_its_content(study: Path) -> None:
    """Trained by one run, and given to the others by any path."""
    path = study / "rule_1" / "manifest.json"
    content = json.loads(path.read_text())
    (digest,) = [value for name, value in content["stages"]["fixed"].pop("outputs").items() if name.endswith(".pt")]
    content["config"]["fixed"]["checkpoint"] = "/elsewhere/model_2.pt"
    for loop in range(2):
        content["stages"][f"loop_{loop}.measure"]["inputs"]["fixed"] = digest
    write_json(path, content)
    comparison = compare_runs([study])
    assert [len(group.runs) for group in comparison.groups] == [3, 3] and comparison.notes == []
    content["stages"]["loop_0.measure"]["inputs"]["fixed"] = "1" * 64
    write_json(path, content)
    assert sorted(len(group.runs) for group in compare_runs([study]).groups) == [1, 2, 3]


def test_of_two_runs_with_one_seed_one_counts_and_a_note_says_so(study: Path) -> None:
    shutil.copytree(study / "rule_1", study / "copy_1")
    comparison = compare_runs([study])
    assert [(group.name, len(group.runs)) for group in comparison.groups] == [("rule", 3), ("random", 3)]
    (note,) = comparison.notes
    assert "rule_1: has the configuration and the seed 1 of" in note and note.endswith("copy_1; left out")


def test_unequal_numbers_of_prompts_are_told(study: Path) -> None:
    path = study / "random_1" / "manifest.json"
    content = json.loads(path.read_text())
    content["stages"]["loop_0.record"]["summary"]["prompts"] = 9
    write_json(path, content)
    (note,) = compare_runs([study]).notes
    assert "prompts of all loops (13, 8)" in note


def test_runs_are_found_in_folders(study: Path, tmp_path: Path) -> None:
    assert len(find_runs([study])) == 6 and len(find_runs([study / "rule_0"])) == 1
    assert len(find_runs([study, study / "rule_0"])) == 6
    with pytest.raises(AthenaError, match="holds no run"):
        (tmp_path / "empty").mkdir()
        find_runs([tmp_path / "empty"])
