"""Tables of clips: who stands where, by hand."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from athena_wbc.pipeline import clip_tables
from athena_wbc.pipeline.clip_tables import (
    before_and_after,
    clip_table,
    early_falls_sentence,
    mining_sentence,
    routing_details,
    routing_sentences,
    routing_table,
)
from athena_wbc.pipeline.findings import Findings, read_findings
from athena_wbc.pipeline.tabular import Table
from tests.pipeline.made_folder import change_json, make_pipeline, make_study, results_of, write_evaluation


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pipeline(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "demo"))


def texts(table: Table) -> dict[str, list[list[str]]]:
    return {block.title: [[entry.text for entry in row] for row in block.rows] for block in table.blocks}


def column(table: Table, heading: str) -> dict[str, str]:
    index = table.headings.index(heading)
    return {row[0].text: row[index].text for block in table.blocks for row in block.rows}


def test_mined_clips_come_first_and_the_hardest_on_top(whole: Path) -> None:
    table, hidden = clip_table([read_findings(whole)])
    assert hidden == 0
    rows = texts(table)
    # Rates over all policies of kick: 0, 1/2, 1, 1/2, 1, 1; of crane: 1/2, 1/2, 1/2, 1, 1/2, 1. The TIS decides,
    # as it does for walk and jump, each with one rollout lost.
    assert list(rows) == ["mined", "not mined"]
    assert [row[0] for row in rows["mined"]] == ["kick", "crane"]
    assert [row[0] for row in rows["not mined"]] == ["walk", "jump"]
    assert column(table, "general") == {
        "kick": "0 · ∞",
        "crane": "50 · 1.40",
        "jump": "100 · 0.40",
        "walk": "100 · 0.50",
    }
    assert column(table, "finetune")["crane"] == "100 · 0.80"


def test_where_the_general_teacher_fails(whole: Path) -> None:
    table, _ = clip_table([read_findings(whole)])
    # Step 10 of 0.02 s each, in a clip of two seconds.
    assert column(table, "teacher fails") == {
        "kick": "height at 0.2 s, 10 %",
        "crane": "height at 0.2 s, 10 %",
        "jump": "",
        "walk": "",
    }
    assert column(table, "early falls %") == {"kick": "100", "crane": "50", "jump": "0", "walk": "0"}


def test_who_a_clip_is_routed_to(whole: Path) -> None:
    table, _ = clip_table([read_findings(whole)])
    assert column(table, "routed to") == {
        "kick": "dynamic",
        "crane": "balance",
        "jump": "general (tie)",
        "walk": "general (tie)",
    }
    tinted = {row[0].text: row[table.headings.index("general")].failed for b in table.blocks for row in b.rows}
    assert tinted == {"kick": 1.0, "crane": 0.5, "jump": 0.0, "walk": 0.0}


def test_a_clip_is_looked_up_where_it_was_evaluated(folder: Path) -> None:
    shutil.rmtree(folder / "evaluation" / "balance" / "full")
    write_evaluation(folder, "general", "heldout", results_of("general", ("walk",)))
    path = folder / "evaluation" / "general" / "heldout" / "clips.csv"
    path.write_text(path.read_text().replace("walk,", "new,"))
    table, _ = clip_table([read_findings(folder)])
    assert column(table, "balance") == {
        "kick": "50 · 1.10",
        "crane": "100 · 0.55",
        "jump": "–",
        "walk": "–",
        "new": "–",
    }
    assert list(texts(table)) == ["mined", "not mined", "held out"]
    assert texts(table)["held out"][0][0] == "new"


def test_easy_clips_of_a_large_corpus_are_not_shown(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_tables, "MOST_CLIPS", 3)
    table, hidden = clip_table([read_findings(whole)])
    assert hidden == 1 and list(column(table, "s")) == ["kick", "crane", "walk"]


def test_several_seeds(tmp_path: Path) -> None:
    study = make_study(tmp_path, (0.0, 0.25))
    change_json(study / "seed_1" / "residual.json", clips=["kick"])
    runs = [read_findings(path, path.name) for path in sorted(study.iterdir())]
    table, _ = clip_table(runs)
    assert column(table, "mined in") == {"kick": "2 of 2", "crane": "1 of 2", "walk": "", "jump": ""}
    assert column(table, "routed to")["kick"] == "dynamic 2"
    # The second seed's crane has the scales 2.25 and 1.05.
    assert column(table, "general")["crane"] == "25 · 1.52"
    assert [block.title for block in routing_table(runs).blocks] == ["seed_0", "seed_1"]


def test_how_the_bank_was_routed(whole: Path) -> None:
    run = read_findings(whole)
    (rows,) = texts(routing_table([run])).values()
    assert [(row[0], row[3], row[4]) for row in rows] == [
        ("general", "2", "0"),
        ("dynamic", "1", "1"),
        ("balance", "1", "1"),
    ]
    details = routing_details(run)
    assert column(details, "dynamic") == {
        "walk": "100 · 0.90",
        "kick": "100 · 0.55",
        "crane": "50 · 1.05",
        "jump": "100 · 0.60",
    }
    winners = {row[0].text: [entry.best for entry in row[1:4]] for row in details.blocks[0].rows}
    assert winners["kick"] == [False, True, False] and winners["walk"] == [True, False, False]
    (sentence,) = routing_sentences(run)
    assert sentence.startswith("2 of 4 clips were ties, given to the first of the tied teachers")
    assert "the success rate is 100.0 %" in sentence


def test_what_was_mined(whole: Path) -> None:
    assert mining_sentence(read_findings(whole)) == (
        "2 of 4 clips were mined: they succeed in less than 80 % of 2 rollouts of the teacher; "
        "100 % of its failures come within the first 1 s."
    )


def test_without_records(folder: Path) -> None:
    for name in ("residual.json", "routing.json"):
        (folder / name).unlink()
    run: Findings = read_findings(folder)
    assert mining_sentence(run) is None and routing_sentences(run) == [] and routing_table([run]).empty
    table, _ = clip_table([run])
    assert list(texts(table)) == [""] and table.headings[:4] == ("clip", "label", "s", "general")


def test_before_and_after(whole: Path) -> None:
    found = before_and_after([read_findings(whole)], "general", "finetune", "full", "TIS")
    # TIS is the mean of 1 / (1 + s*): of kick (1 / 2.5 + 0) / 2, with the scales 1.5 and infinity.
    assert [name for name, _, _ in found] == ["kick", "crane", "walk", "jump"]
    assert found[0][1:] == pytest.approx((0.2, 0.625))
    assert found[1][1] == pytest.approx((1.0 / 3.0 + 1.0 / 1.8) / 2.0, abs=1e-6)


def test_early_falls_are_those_that_were_asked_for(folder: Path, tmp_path: Path) -> None:
    assert early_falls_sentence([read_findings(folder)]).endswith("fail within the first 1 s.")
    change_json(folder / "residual.json", early_s=0.5)
    other = make_pipeline(tmp_path / "other")
    runs = [read_findings(folder), read_findings(other)]
    assert early_falls_sentence(runs[:1]).endswith("fail within the first 0.5 s.")
    assert early_falls_sentence(runs).endswith("fail within the first 0.5 or 1 s.")
    (other / "residual.json").unlink()
    assert early_falls_sentence([read_findings(other)]) == ""
