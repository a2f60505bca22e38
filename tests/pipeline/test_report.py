"""The report as a whole: one sound page, its numbers those of the evaluations, whatever is missing."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from athena_wbc import cli
from athena_wbc.errors import AthenaError
from athena_wbc.pipeline.report import print_summary, write_pipeline_report, write_report, write_study_report
from tests.pipeline.made_folder import SCALES, change_json, make_ablation, make_pipeline, make_study

VOID = {"meta", "img", "br", "hr", "link", "input"}
SECTIONS = ["policies", "comparisons", "tolerance", "clips", "routing", "training", "smoothness", "pictures", "stages"]
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Page(HTMLParser):
    """Checks that every element is closed, and collects what matters."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.sections: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        self.sections += [given["id"]] if tag == "section" else []
        self.links += [given[name] for name in ("src", "href", "xlink:href") if given.get(name)]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read_page(path: Path) -> Page:
    page = Page(path.read_text(encoding="utf-8"))
    assert len(set(page.ids)) == len(page.ids)
    for link in page.links:
        assert link.startswith(("#", "data:image/png;base64,", "seed_")), link
        assert not link.startswith("#") or link[1:] in page.ids
    assert not re.search(r"@import|url\((?!#)|<script|<link", path.read_text(encoding="utf-8"))
    return page


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_pipeline(tmp_path_factory.mktemp("runs") / "demo")
    (folder / "pictures").mkdir()
    (folder / "pictures" / "high_kick.png").write_bytes(PIXEL)
    (folder / "pictures" / "own.png").write_bytes(PIXEL)
    drawn = {"status": "done", "drawn": {"own.png": "walk, student succeeds in <all>"}}
    stages = json.loads((folder / "manifest.json").read_text())["stages"]
    change_json(folder / "manifest.json", stages=stages | {"pictures": drawn})
    write_pipeline_report(folder)
    return folder


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_study(tmp_path_factory.mktemp("runs") / "study")
    (folder / "seed_3").mkdir()  # it was not reached yet
    write_study_report(folder)
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "demo"))


def test_the_page_is_sound_and_whole(whole: Path) -> None:
    page = read_page(whole / "report.html")
    assert page.sections == [*SECTIONS, "further"]
    for text in (
        "demo: report of the pipeline",
        "62.5 % (general) to 100.0 % (finetune)",
        "high kick",
        "walk, student succeeds in <all>",
        "10 iterations",
    ):
        assert text in page.text
    assert "2 of 4 clips were mined" in page.text and "All stages together: 7.0 min." in page.text
    assert "tie" in page.text and "athena play --checkpoint" in page.text
    html = (whole / "report.html").read_text()
    assert html.count("<svg") == 5 and html.count("<img") == 2
    assert "prefers-color-scheme: dark" in html and "@media print" in html
    # Figures take the page's ink.
    assert "#22272e" not in html.partition("</style>")[2]


def test_the_same_folder_gives_the_same_page(whole: Path) -> None:
    before = {path.name: path.read_bytes() for path in whole.iterdir() if path.is_file()}
    assert {"report.html", "report.json", "comparison.json", "table.md"} <= set(before)
    write_report(whole)
    assert {name: (whole / name).read_bytes() for name in before} == before


def test_the_numbers_are_those_of_the_evaluations(whole: Path) -> None:
    content = json.loads((whole / "report.json").read_text())
    assert content["kind"] == "pipeline_report" and list(content["policies"]) == sorted(SCALES)
    for policy in SCALES:
        for name in ("full", "residual"):
            metrics = json.loads((whole / "evaluation" / policy / name / "metrics.json").read_text())
            entry = content["policies"][policy][name]
            assert entry["SR"] == {"mean": metrics["SR"], "by_seed": [metrics["SR"]], "std_over_seeds": None}
            assert entry["MPJPE_W_mm"]["mean"] == metrics["MPJPE_W_mm"]
    compared = json.loads((whole / "comparison.json").read_text())
    found = {(entry["first"], entry["set"], entry["value"]): entry for entry in compared["comparisons"]}
    assert found["finetune", "full", "SR"]["difference"] == 0.375
    assert found["finetune", "full", "SR"]["over_clips"]["count"] == 4
    table = (whole / "table.md").read_text()
    assert "| full, 4 clips | finetune | **100.0** |" in table
    assert "| finetune − general | full | +37.5 [0.0, +75.0] |" in table


def test_a_study_over_seeds(study: Path) -> None:
    page = read_page(study / "report.html")
    assert page.sections == ["policies", "seeds", *[name for name in SECTIONS[1:] if name != "pictures"], "further"]
    assert "study: 3 seeds of the pipeline" in page.text
    assert "Intervals over three seeds are wide" in page.text and "3 of 3" in page.text
    content = json.loads((study / "report.json").read_text())
    rates = content["policies"]["general"]["full"]["SR"]
    # Only the third seed's shift lifts a scale of 0.8 above 1.
    assert rates["by_seed"] == [0.625, 0.625, 0.5]
    assert rates["mean"] == pytest.approx(1.75 / 3.0) and rates["std_over_seeds"] == pytest.approx(0.0721688, abs=1e-6)
    compared = json.loads((study / "comparison.json").read_text())["comparisons"]
    entry = next(e for e in compared if (e["first"], e["set"], e["value"]) == ("dynamic", "residual", "SR"))
    assert entry["over_seeds"]["count"] == 3 and entry["over_seeds_and_clips"]["low"] is not None
    assert "58.3 ± 7.2" in (study / "table.md").read_text()


def test_a_study_averages_its_own_seeds_and_tells_which_it_leaves_out(tmp_path: Path) -> None:
    make_study(tmp_path / "study")
    (tmp_path / "study" / "study.json").write_text(json.dumps({"kind": "study", "seeds": [0, 1]}))
    write_report(tmp_path / "study")
    content = json.loads((tmp_path / "study" / "report.json").read_text())
    assert content["policies"]["general"]["full"]["SR"]["by_seed"] == [0.625, 0.625]
    assert content["notes"] == ["seed_2: left out, study.json does not name the seed"]
    console = Console(file=io.StringIO(), width=120)
    print_summary(tmp_path / "study", console)
    assert "note: seed_2: left out" in console.file.getvalue()


def test_the_kind_is_told_by_the_folder(study: Path, tmp_path: Path) -> None:
    assert write_report(study) == study / "report.html"
    (tmp_path / "seed_0").mkdir()
    with pytest.raises(AthenaError, match=r"holds no seed_\* with a pipeline in it"):
        write_report(tmp_path)


def test_a_pipeline_of_which_little_is_there(folder: Path) -> None:
    for name in ("residual.json", "routing.json", "manifest.json"):
        (folder / name).unlink()
    for name in ("general", "pictures", "evaluation/dynamic", "evaluation/general", "evaluation/balance"):
        shutil.rmtree(folder / name)
    page = read_page(write_report(folder))
    assert page.sections == ["policies", "tolerance", "clips", "smoothness", "further"]
    assert "manifest.json is not there" in page.text


def test_a_pipeline_that_has_only_begun(folder: Path) -> None:
    for name in ("evaluation", "general", "pictures"):
        shutil.rmtree(folder / name)
    for name in ("residual.json", "routing.json"):
        (folder / name).unlink()
    page = read_page(write_report(folder))
    assert page.sections == ["stages"]
    assert "Nothing was evaluated yet" in page.text and "general was evaluated on no set" in page.text


def test_tables_that_are_not_there(folder: Path) -> None:
    for name in ("clips.csv", "stc.csv", "spectrum.csv"):
        for path in folder.glob(f"evaluation/*/*/{name}"):
            path.unlink()
    page = read_page(write_report(folder))
    assert "policies" in page.sections and "tolerance" not in page.sections and "clips" not in page.sections


def test_names_cannot_break_the_page(folder: Path) -> None:
    for path in folder.rglob("*.csv"):
        path.write_text(path.read_text().replace("kick,", "<script>&kick,"))
    change_json(folder / "residual.json", clips=["<script>&kick"])
    page = read_page(write_report(folder))
    assert "<script>&kick" in page.text


def test_the_ablation_stands_beside_the_papers_table(tmp_path: Path) -> None:
    make_ablation(tmp_path, {"sonic_base": 0.5, "no_smooth": 1.5, "dynamic_caps": 0.8, "dynamic": 0.6})
    (tmp_path / "no_smooth").mkdir()
    for name, groups in (("no_smooth", "teacher"), ("sonic_base", "student")):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "config.yaml").write_text(f"ppo: {{obs_groups: {{actor: [{groups}]}}}}\n")
    page = read_page(write_report(tmp_path))
    assert "Grad-CAPS" in page.text and "1.4634" in page.text and "Athena-WBC, Table 5" in page.text
    assert (
        "do not observe the same, which is part of their difference: sonic_base student, no_smooth teacher" in page.text
    )
    assert "Clips with a higher high-frequency ratio than sonic_base: no_smooth 4 of 4" in page.text
    orders = json.loads((tmp_path / "comparison.json").read_text())["smoothness"]["orderings"]
    assert [entry["reproduced"] for entry in orders] == [True, True, False]
    assert "| the paper, AMASS-eval / Omni-eval | dynamic |" in (tmp_path / "table.md").read_text()


def test_the_headline_on_the_terminal(whole: Path) -> None:
    console = Console(file=io.StringIO(), width=120)
    print_summary(whole, console)
    text = console.file.getvalue()
    assert "full, 4 clips" in text and "finetune" in text and "+37.5 points" in text
    assert f"report: {whole / 'report.html'}" in text.replace("\n", "")


def test_the_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "report.html").unlink()
    assert cli.main(["report", str(folder)]) == 0
    assert (folder / "report.html").is_file()
    assert "62.5 % (general) to 100.0 % (finetune)" in capsys.readouterr().out
    assert cli.main(["report", str(folder / "nowhere")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("athena: error: ") and error.count("\n") == 1
