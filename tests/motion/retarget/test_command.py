"""`athena motions retarget`: files to clips, refusals, errors in one line, several processes, going on."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from athena_wbc import cli
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.retarget import run as runs
from tests.motion.formats.human import people


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three files of one person who stands, and is turned and moved a little in each."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for number in range(3):
        poses = np.zeros((24, 22, 3))
        poses[:, 16, 2], poses[:, 17, 2] = -1.1, 1.1
        poses[:, 4:6, 0] = 0.2 * np.sin(np.linspace(0.0, 3.0, 24))[:, None] ** 2 + 0.1 * number
        poses[:, 1:3, 0] = -0.5 * poses[:, 4:6, 0]
        poses[:, 7:9, 0] = -0.5 * poses[:, 4:6, 0]
        trans = np.tile((0.1 * number, 0.0, 0.95), (24, 1))
        np.savez(
            tmp_path / "in" / f"squat{number}.npz",
            poses=people.turned_up(poses.reshape(24, 66)),
            trans=trans,
            mocap_framerate=np.array(30.0),
        )
    return tmp_path


def retarget(*arguments: str) -> int:
    return cli.main(["motions", "retarget", *arguments])


def report(out: str) -> list[dict]:
    return json.loads((Path(out) / runs.REPORT).read_text())["clips"]


def failure(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert retarget(*arguments) == 2
    message = capsys.readouterr().err.strip()
    assert message.startswith("athena: error: ") and "\n" not in message
    return message


def test_a_folder_becomes_clips_with_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    assert retarget("in", "--out", "clips", "--label", "balance", "--licence", "CC0", "--source", "a test") == 0
    assert "3 written, 0 refused, 0 failed" in capsys.readouterr().out
    clip = MotionClip.load("clips/squat1.npz")
    assert (clip.label, clip.licence, clip.source, clip.robot, clip.fps) == ("balance", "CC0", "a test", "g1", 50.0)
    assert any("retargeted to g1" in step for step in clip.history)
    records = report("clips")
    assert [record["status"] for record in records] == ["written"] * 3
    assert records[0]["quality"]["error_mean"] < 0.03 and records[0]["quality"]["limit_violations"] == 0


def test_two_processes_give_the_same_as_one() -> None:
    assert retarget("in", "--out", "one") == 0
    assert retarget("in", "--out", "two", "--jobs", "2") == 0
    for name in ("squat0", "squat1", "squat2"):
        assert Path(f"one/{name}.npz").read_bytes() == Path(f"two/{name}.npz").read_bytes()

    def timeless(record: dict) -> dict:
        return {key: value for key, value in record.items() if key != "seconds"}

    assert list(map(timeless, report("one"))) == list(map(timeless, report("two")))


def test_below_the_bar_a_clip_is_refused_with_its_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    message = failure(capsys, "in", "--out", "clips", "--bar", "error_mean=0.0001")
    assert "no clip was written: squat0: error_mean" in message and "is above 0.0001" in message
    assert not list(Path("clips").glob("*.npz"))
    records = report("clips")
    assert all(record["status"] == "refused" and record["quality"]["error_mean"] > 0.0001 for record in records)
    assert retarget("in", "--out", "kept", "--bar", "error_mean=0.0001", "--keep_refused") == 2
    assert len(list(Path("kept").glob("*.npz"))) == 3


def test_one_refused_among_others_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    from athena_wbc.motion.retarget.quality import Quality

    names = iter(("no", "bad luck", ""))
    monkeypatch.setattr(Quality, "reasons", lambda self, bar: [reason] if (reason := next(names)) else [])
    assert retarget("in", "--out", "again") == 0
    assert [record["status"] for record in report("again")] == ["refused", "refused", "written"]
    assert report("again")[1]["reason"] == "bad luck"


def test_a_file_that_cannot_be_read_does_not_stop_the_others() -> None:
    Path("in/broken.npz").write_bytes(b"PK\x03\x04 no archive")
    assert retarget("in", "--out", "clips") == 1
    failed = [record for record in report("clips") if record["status"] == "failed"]
    assert len(failed) == 1 and "broken.npz" in failed[0]["reason"] and failed[0]["quality"] is None
    assert len(list(Path("clips").glob("*.npz"))) == 3


def test_a_run_goes_on_where_it_was_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert retarget("in", "--out", "clips") == 0
    journal = Path("clips") / runs.JOURNAL
    whole, before = journal.read_text(), report("clips")
    # As a kill in the middle of a line leaves it.
    lines = whole.splitlines(keepends=True)
    journal.write_text("".join(lines[:2]) + lines[2][:40] + "\n")
    done: list[str] = []
    work = runs._retarget_file
    monkeypatch.setattr(runs, "_retarget_file", lambda file: done.append(file.name) or work(file))
    assert retarget("in", "--out", "clips") == 0
    assert done == ["squat2.npz"]
    assert [record["quality"] for record in report("clips")] == [record["quality"] for record in before]
    # Other settings, a clip that is gone, and --redo are done again.
    assert retarget("in", "--out", "clips", "--fps", "30") == 0 and len(done) == 4
    Path("clips/squat0.npz").unlink()
    assert retarget("in", "--out", "clips", "--fps", "30") == 0 and len(done) == 5
    assert retarget("in", "--out", "clips", "--fps", "30", "--redo") == 0 and len(done) == 8


def test_clips_of_one_name_do_not_overwrite_each_other() -> None:
    Path("in/more").mkdir()
    Path("in/squat2.npz").rename("in/more/squat0.npz")
    assert retarget("in", "--out", "clips") == 0
    assert sorted(path.name for path in Path("clips").glob("*.npz")) == ["squat0-2.npz", "squat0.npz", "squat1.npz"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("nowhere.bvh", "--out", "c"), "nowhere.bvh: no such file or folder"),
        (("in", "--out", "c", "--fps", "0"), "--fps: must be between 1 and 1000, is 0"),
        (("in", "--out", "c", "--scale", "-1"), "--scale: must be between 0.05 and 20"),
        (("in", "--out", "c", "--bar", "eror_mean=1"), "did you mean 'error_mean'"),
        (("in", "--out", "c", "--bar", "error_mean=x"), "--bar error_mean: must be a number"),
        (("in", "--out", "c", "--label", "dance"), "--label: unknown 'dance'"),
        (("in", "--out", "c", "--robot", "g2"), "robot: unknown 'g2'"),
        (("in", "--out", "c", "--jobs", "0"), "--jobs"),
    ],
)
def test_bad_input_is_one_line(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], expected: str) -> None:
    assert expected in failure(capsys, *arguments)


def test_a_folder_that_cannot_be_made_is_named(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "taken").write_text("a file")
    assert "taken: cannot be made (File exists)" in failure(capsys, "in", "--out", "taken")


def test_left_handed_axes(capsys: pytest.CaptureFixture[str]) -> None:
    """Read as left-handed, a person of right-handed axes has the left side on the right."""
    assert "left and right are swapped" in failure(capsys, "in/squat1.npz", "--out", "clips", "--handed", "left")


def test_an_empty_folder_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    assert "empty: no file with a known ending" in failure(capsys, "empty", "--out", "c")


def test_without_the_extra_the_error_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mink", "athena_wbc.motion.retarget.solve", "athena_wbc.motion.retarget.clip"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in ("second", "branches"):
        monkeypatch.delitem(sys.modules, f"athena_wbc.motion.retarget.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "mink", None)
    assert "pip install -e '.[retarget]' in the checkout" in failure(capsys, "in", "--out", "c")
