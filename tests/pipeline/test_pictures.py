"""Which clips are drawn, and how."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from athena_wbc.motion.corpus import find_entries
from athena_wbc.pipeline import pictures
from athena_wbc.pipeline.pictures import Picture, choose_pictures, draw_pictures


def row(rate: float, worst: float, tis: float = 0.5) -> dict[str, float]:
    return {"SR": rate, "critical_scale_worst": worst, "TIS": tis}


AFTER = {
    "walk": row(1.0, 0.4),
    "kick": row(1.0, 0.9),
    "wave": row(1.0, 0.2),
    "hop": row(1.0, 0.8),
    "flip": row(0.0, 3.0, 0.25),
    "fall": row(0.0, math.inf, 0.1),
    "spin": row(0.8, math.inf, 0.6),
}
BEFORE = {
    "walk": row(1.0, 0.3),
    "kick": row(0.6, 1.2),
    "hop": row(0.2, 1.4, 0.4),
    "wave": row(0.2, 5.0, 0.5),
    "flip": row(0.0, math.inf, 0.0),
}


def test_the_hardest_success_and_the_worst_failure() -> None:
    chosen = choose_pictures("finetune", AFTER)
    # Of the two that never succeed the one with the lower TIS; spin has lost only one rollout in five.
    assert [(picture.file, picture.policy) for picture in chosen] == [
        ("kick.png", "finetune"),
        ("fall.png", "finetune"),
    ]
    assert chosen[0].caption == "kick, finetune succeeds in 100 % of the rollouts; of the solved clips the hardest"
    assert chosen[1].caption == "fall, finetune succeeds in 0 % of the rollouts; its worst clip"


def test_what_was_gained_is_shown_before_and_after() -> None:
    # hop and wave are equally rare before; walk was no failure before, and flip is one still.
    chosen = choose_pictures("finetune", AFTER, "general", BEFORE, ["walk", "kick", "wave", "hop", "flip", "gone"])
    assert [(picture.file, picture.clip, picture.policy) for picture in chosen] == [
        ("hop-general.png", "hop", "general"),
        ("hop-finetune.png", "hop", "finetune"),
        ("kick.png", "kick", "finetune"),
        ("fall.png", "fall", "finetune"),
    ]
    assert chosen[0].caption == "hop, before: general succeeds in 20 % of the rollouts; the clip was mined"
    assert chosen[1].caption == "hop, after: finetune succeeds in 100 % of the rollouts"


def test_no_clip_is_drawn_twice_and_no_kind_is_made_up() -> None:
    files = [picture.file for picture in choose_pictures("b", AFTER, "a", BEFORE, ["kick"])]
    assert files == ["kick-a.png", "kick-b.png", "fall.png"]
    assert [picture.file for picture in choose_pictures("b", {"walk": row(1.0, 0.4)}, "a", BEFORE, [])] == ["walk.png"]
    assert [picture.file for picture in choose_pictures("b", {"fall": row(0.0, 2.0)})] == ["fall.png"]
    assert choose_pictures("b", {}) == []


def test_names_of_files_are_harmless_and_different() -> None:
    rows = {"../up and/away": row(1.0, 0.5), "_.._up_and_away": row(0.0, 2.0), ".hidden": row(0.2, 2.0)}
    assert [picture.file for picture in choose_pictures("b", rows)] == ["_._up_and_away.png", "_.._up_and_away.png"]
    rows = {"kick-b": row(0.0, 2.0), "kick": row(1.0, 0.5)}
    files = [picture.file for picture in choose_pictures("b", rows, "a", {"kick": row(0.0, 2.0)}, ["kick"])]
    assert files == ["kick-a.png", "kick-b.png", "kick-b~.png"]
    assert len(choose_pictures("b", {"k" * 300: row(1.0, 0.5)})[0].file) < 120


THREE = [Picture(f"{clip}.png", clip, "b", f"about {clip}") for clip in ("walk", "kick", "fall")]


def fake_play(monkeypatch: pytest.MonkeyPatch, failing: dict[str, tuple[int, str]]) -> list[dict[str, Any]]:
    """Replace ``athena play``; returns what it was asked for."""
    asked: list[dict[str, Any]] = []

    def run(command: list[str], env: dict[str, str], **options: Any) -> SimpleNamespace:
        arguments = dict(zip(command[4::2], command[5::2], strict=True))
        motions = Path(arguments["--motions"])
        asked.append(arguments | {"list": json.loads(motions.read_text()), "entries": find_entries(str(motions))})
        clip = Path(arguments["--out"]).stem
        if clip not in failing:
            Path(arguments["--out"]).write_bytes(b"PNG")
        code, error = failing.get(clip, (0, ""))
        return SimpleNamespace(returncode=code, stdout="", stderr=error)

    monkeypatch.setattr(pictures, "subprocess", SimpleNamespace(run=run))
    return asked


def test_each_is_drawn_from_the_corpus_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "motions").mkdir()
    (tmp_path / "motions" / "kick.npz").write_bytes(b"")
    asked = fake_play(monkeypatch, {})
    specs = ["builtin:walk,wave", "motions"]
    drawn, problem = draw_pictures(THREE, {"b": "b/checkpoints/model_2.pt"}, specs, Path("pictures"))
    assert (drawn, problem) == ({f"{p.file}": p.caption for p in THREE}, "")
    assert [call["--out"] for call in asked] == ["pictures/walk.png", "pictures/kick.png", "pictures/fall.png"]
    assert {call["--checkpoint"] for call in asked} == {"b/checkpoints/model_2.pt"}
    assert {call["--sim"] for call in asked} == {"mujoco"}
    assert [call["list"]["clips"] for call in asked] == [["walk"], ["kick"], ["fall"]]
    # The list is read from its own folder.
    assert asked[0]["list"]["motions"] == ["builtin:walk,wave", "../motions"]
    (entry,) = asked[0]["entries"]
    assert entry.names == ("walk",) and len(entry.among) == 2
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == ["fall.png", "kick.png", "walk.png"]


def test_where_the_first_cannot_be_drawn_the_others_are_not_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = fake_play(monkeypatch, {"walk": (2, "a warning\nathena: error: MUJOCO_GL: egl cannot draw here\n")})
    assert draw_pictures(THREE, {"b": "b"}, ["builtin"], tmp_path / "p") == (
        {},
        "walk: MUJOCO_GL: egl cannot draw here",
    )
    assert len(asked) == 1 and not list((tmp_path / "p").iterdir())


def test_one_that_fails_later_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_play(monkeypatch, {"kick": (1, "")})
    drawn, problem = draw_pictures(THREE, {"b": "b"}, ["builtin"], tmp_path / "p")
    assert list(drawn) == ["walk.png", "fall.png"] and problem == "kick: ended with exit code 1"
