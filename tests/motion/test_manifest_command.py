from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from athena_wbc import cli
from athena_wbc.embodiment import get_embodiment
from athena_wbc.motion.corpus import load_clips
from athena_wbc.motion.manifest_files import read_clip_names
from tests.motion.samples import gliding, jumping, standing, write_csv

G1 = get_embodiment("g1")


@pytest.fixture(autouse=True)
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five clips in a folder `clips`, and a place of their own to work in."""
    monkeypatch.chdir(tmp_path)
    Path("clips").mkdir()
    made = {
        "jump_far": jumping(G1, take_off=6.0),
        "run_slowly": gliding(G1, 2.0, frames=90),
        "squat_long": standing(G1, 80),
        "one_leg_stand": standing(G1, 100),
        "walk": gliding(G1, 0.8, frames=70),
    }
    for name, clip in made.items():
        clip.replace(name=name).save(f"clips/{name}.npz")


def run(*arguments: str) -> int:
    return cli.main(["motions", "manifest", *arguments])


def rows(path: str = "out/manifest.csv") -> dict[str, dict[str, str]]:
    with open(path, encoding="utf-8") as stream:
        return {row["name"]: row for row in csv.DictReader(stream)}


def test_the_lists_are_motions(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--motions", "clips", "--out", "out") == 0
    printed = capsys.readouterr().out
    assert "word 'jump*'" in printed
    assert "dynamic: 2 of 2 candidates, 2 families" in printed
    assert "1 of 5 clip(s) in neither; reasons in out/manifest.csv" in printed
    assert {clip.name for clip in load_clips("out/dynamic.json", G1)} == {"jump_far", "run_slowly"}
    assert {clip.name for clip in load_clips("out/balance.json", G1)} == {"squat_long", "one_leg_stand"}


def test_every_clip_has_its_numbers_and_its_reason() -> None:
    assert run("--motions", "clips", "--out", "out") == 0
    table = rows()
    assert set(table) == {"jump_far", "run_slowly", "squat_long", "one_leg_stand", "walk"}
    assert table["walk"]["reason"] == "no word, label or rule of a bucket fits"
    assert table["walk"]["manifest"] == table["walk"]["rank"] == table["walk"]["dynamic_score"] == ""
    assert float(table["walk"]["speed_mean"]) == pytest.approx(0.8, abs=1e-3)
    assert table["jump_far"]["manifest"] == "dynamic"
    assert table["jump_far"]["dynamic_buckets"].split()[0] == "jump"
    record = json.loads(Path("out/manifest.json").read_text())
    assert record["robot"] == {"name": "g1", "hash": G1.hash}
    assert record["config"]["min_duration"] == 2.0
    assert [entry["name"] for entry in record["clips"]] == list(table)
    ranked = sorted((row for row in table.values() if row["manifest"] == "balance"), key=lambda row: int(row["rank"]))
    assert [row["name"] for row in ranked] == json.loads(Path("out/balance.json").read_text())["clips"]
    assert float(ranked[0]["balance_score"]) >= float(ranked[1]["balance_score"])


def test_the_same_again_gives_the_same_bytes() -> None:
    for out in ("one", "two"):
        assert run("--motions", "clips", "--out", out) == 0
    files = ("dynamic.json", "balance.json", "manifest.json", "manifest.csv")
    assert sorted(path.name for path in Path("one").iterdir()) == sorted(files)
    for name in files:
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes()


def test_how_files_were_read_goes_into_the_lists() -> None:
    write_csv(Path("clips/hop_about.csv"), jumping(G1, fps=60.0, take_off=6.0))
    write_csv(Path("clips/crouch.csv"), standing(G1, 300))
    said = ("--fps", "60", "--quaternion", "xyzw")
    assert run("--motions", "clips/hop_about.csv,clips/crouch.csv", *said, "--out", "out") == 0
    (clip,) = load_clips("out/dynamic.json", G1)
    assert (clip.name, clip.fps) == ("hop_about", 60.0)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("held.txt", "# held out\njump_far  # the far one\n\n"),
        ("held.json", '["jump_far"]'),
        ("held.json", '{"motions": "clips", "clips": ["jump_far"]}'),
    ],
)
def test_excluded_clips_are_not_chosen(name: str, content: str) -> None:
    Path(name).write_text(content)
    assert read_clip_names(Path(name)) == ["jump_far"]
    assert run("--motions", "clips", "--exclude", name, "--out", "out") == 0
    assert rows()["jump_far"]["reason"] == "left out: excluded by the list"
    assert json.loads(Path("out/dynamic.json").read_text())["clips"] == ["run_slowly"]
    assert json.loads(Path("out/manifest.json").read_text())["excluded"] == ["jump_far"]


def test_size_and_values_of_the_configuration() -> None:
    assert run("--motions", "clips", "--size", "1", "--out", "out", "balance.buckets.low_com.quota=9") == 0
    assert json.loads(Path("out/balance.json").read_text())["clips"] == ["squat_long"]
    assert rows()["one_leg_stand"]["reason"].endswith("but others score higher")


def test_a_configuration_of_ones_own() -> None:
    Path("mine.yaml").write_text("inherit: default\ndynamic: {buckets: {walks: {quota: 1, keywords: [walk*]}}}\n")
    assert run("--motions", "clips", "--config", "mine.yaml", "--out", "out") == 0
    assert rows()["walk"]["bucket"] == "walks"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--motions clips --out out sise=2", "command line: sise: unknown key 'sise'; did you mean 'size'?"),
        ("--motions clips --out out --size 0", "argument --size: must be 1 or more, is 0"),
        ("--motions clips --out out --sise 3", "option: unknown '--sise'; did you mean '--size'?"),
        ("--motions clips --out out --config defualt", "manifest: unknown 'defualt'; did you mean 'default'?"),
        ("--motions clips --out out least=3", "dynamic: 2 of 5 clip(s) qualify, 3 are needed"),
        ("--motions clips --out out min_duration=60", "--motions: none of 5 clip(s) is left"),
        ("--motions clips/walk.npz --out out", "dynamic: 0 of 1 clip(s) qualify, 1 are needed"),
        ("--motions clips --out out --exclude gone.txt", "gone.txt: cannot be read"),
        ("--motions clips --out out --exclude empty.txt", "empty.txt: names no clips"),
        ("--motions clips --out out --exclude broken.json", "broken.json: not readable as JSON"),
        ("--motions clips --out out --exclude typo.txt", "--exclude: clip unknown 'jump_fr'; did you mean 'jump_far'?"),
        ("--motions clips", "the following arguments are required: --out"),
    ],
)
def test_a_mistake_is_one_line(arguments: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty.txt").write_text("# nothing\n")
    Path("broken.json").write_text("[")
    Path("typo.txt").write_text("jump_fr\n")
    assert run(*arguments.split()) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.startswith("athena: error: ")
    assert printed.count("\n") == 1
    assert not Path("out").exists()
