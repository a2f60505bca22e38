from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError, suggest
from athena_wbc.motion import corpus
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.corpus import corpus_hash, load_clips, spec_path, specs_from
from tests.motion.samples import gliding, jumping, standing, write_csv

G1 = get_embodiment("g1")


@pytest.fixture(autouse=True)
def three_builtin_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = {"march": 3, "walk": 4, "wave": 5}

    def builtin_clips(embodiment, names=None) -> list[MotionClip]:
        for name in names or ():
            if name not in frames:
                raise AthenaError(f"built-in clips: {suggest(name, frames)}")
        return [standing(G1, frames[name]).replace(name=name) for name in names or frames]

    monkeypatch.setattr(corpus, "BUILTIN", frames)
    monkeypatch.setattr(corpus, "builtin_clips", builtin_clips)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """clips/{b.npz, a_30fps.csv, deep/c.npz}, beside files that are no motions; and the working directory."""
    clips = tmp_path / "clips"
    (clips / "deep").mkdir(parents=True)
    (clips / ".hidden").mkdir()
    gliding(G1).replace(name="b").save(clips / "b.npz")
    standing(G1).replace(name="c").save(clips / "deep" / "c.npz")
    standing(G1).replace(name="no").save(clips / ".hidden" / "no.npz")
    write_csv(clips / "a_30fps.csv", gliding(G1))
    (clips / "README.md").write_text("about these clips")
    (clips / ".c.npz").write_bytes(b"a temporary file")
    monkeypatch.chdir(tmp_path)
    return clips


def names(clips: list[MotionClip]) -> list[str]:
    return [clip.name for clip in clips]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("builtin", "march walk wave"),
        ("builtin:wave", "wave"),
        ("builtin:wave,walk", "wave walk"),
        (["builtin:walk", "builtin:march"], "walk march"),
        ("builtin:wave,builtin:walk", "wave walk"),
        ("builtin:wave,walk,clips/b.npz", "wave walk b"),
        ("clips/b.npz,builtin:wave, march ", "b wave march"),
        ("clips/b.npz,builtin,clips/deep", "b march walk wave c"),
        ("clips", "a_30fps b c"),
        ("clips/", "a_30fps b c"),
        (Path("clips"), "a_30fps b c"),
        ("clips/*.npz", "b"),
        ("clips/**/*.npz", "b c"),
        ("clips/[ab]*", "a_30fps b"),
        (["clips/deep", "clips/b.npz"], "c b"),
        ("clips/b.npz,clips/b.npz", "b b~2"),
        ("builtin:walk,builtin:walk,builtin:walk", "walk walk~2 walk~3"),
    ],
)
def test_specifications(folder: Path, spec, expected: str) -> None:
    assert names(load_clips(spec, G1)) == expected.split()


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("builtin:wve", "built-in clips: unknown 'wve'; did you mean 'wave'"),
        ("builtin:wave,wlk", "built-in clip unknown 'wlk'; did you mean 'walk'.*and no such file"),
        ("biultin", "biultin: no such file or folder; did you mean 'builtin'"),
        ("clps", "clps: no such file or folder; did you mean 'clips'"),
        ("clips/c.npz", "clips/c.npz: no such file or folder; did you mean 'clips/b.npz'"),
        ("clips/*.pkl", r"clips/\*\.pkl: no file fits this pattern"),
        ("clips/README.md", r"README\.md: no reader knows this file"),
        ("", "names nothing"),
        ([], "names nothing"),
        (" , ", "names nothing"),
    ],
)
def test_mistakes(folder: Path, spec, reason: str) -> None:
    with pytest.raises(AthenaError, match=reason):
        load_clips(spec, G1)


def test_the_real_builtin_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    (clip,) = load_clips("builtin:squat", G1)
    assert (clip.name, clip.label, clip.robot) == ("squat", "balance", "g1")
    with pytest.raises(AthenaError, match="unknown 'squatt'; did you mean 'squat'"):
        load_clips("builtin:squatt", G1)


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "README.md").touch()
    with pytest.raises(AthenaError, match=r"no motion files in this folder \(endings \.csv, .*\); check the path"):
        load_clips(str(tmp_path), G1)


def test_a_broken_file_in_a_folder_is_named(folder: Path) -> None:
    (folder / "deep" / "d.npz").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(AthenaError, match=r"clips/deep/d\.npz: not a readable npz"):
        load_clips("clips", G1)


def test_options_reach_every_file(folder: Path) -> None:
    write_csv(folder / "d.csv", gliding(G1), "wxyz")
    with pytest.raises(AthenaError, match=r"clips/d\.csv: fps: the file does not say"):
        load_clips("clips", G1)
    clips = load_clips("clips/d.csv", G1, fps=25, quaternion="wxyz")
    assert clips[0].fps == 25.0
    jumping(G1, gravity=3.0).save(folder / "moon.npz")
    assert load_clips("clips/moon.npz", G1, accept=["gravity"])


def test_order_does_not_depend_on_the_file_system(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = names(load_clips("clips", G1))
    walk = os.walk

    def reversed_walk(path):
        for place, folders, files in walk(path):
            folders.sort(reverse=True)
            yield place, folders, sorted(files, reverse=True)

    monkeypatch.setattr(os, "walk", reversed_walk)
    assert names(load_clips("clips", G1)) == expected


def test_a_text_list(folder: Path) -> None:
    (folder / "some.txt").write_text("# the good ones\nb.npz\n\nbuiltin:wave,walk  # both\nclips/deep\ndeep/*.npz\n")
    assert names(load_clips("clips/some.txt", G1)) == ["b", "wave", "walk", "c", "c~2"]


def test_what_lies_beside_a_list_goes_before_the_working_directory(folder: Path) -> None:
    standing(G1).replace(name="elsewhere").save("b.npz")
    standing(G1).replace(name="only here").save("z.npz")
    (folder / "some.txt").write_text("b.npz\nz.npz\n")
    assert names(load_clips("clips/some.txt", G1)) == ["b", "only here"]


def test_a_json_list_with_options(folder: Path) -> None:
    write_csv(folder / "d.csv", gliding(G1), "wxyz")
    entries = ["b.npz", {"path": "d.csv", "fps": 25, "quaternion": "wxyz", "format": "csv"}, "builtin:march"]
    (folder / "some.json").write_text(json.dumps(entries))
    clips = load_clips("clips/some.json,builtin:wave", G1)
    assert names(clips) == ["b", "d", "march", "wave"]
    assert clips[1].fps == 25.0


@pytest.mark.parametrize("motions", ["builtin:wave,walk,clips", ["builtin:wave,walk", "clips"]])
def test_the_failed_clips_of_an_evaluation(folder: Path, motions) -> None:
    path = folder.parent / "runs" / "x" / "failed.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"motions": motions, "clips": ["c", "wave"]}))
    clips = load_clips(str(path), G1)
    assert names(clips) == ["c", "wave"]
    whole = {clip.name: clip for clip in load_clips(motions, G1)}
    assert corpus_hash(clips) == corpus_hash([whole["c"], whole["wave"]])


def test_failed_clips_of_the_same_name_stay_apart(folder: Path) -> None:
    path = folder.parent / "failed.json"
    path.write_text(json.dumps({"motions": ["clips/b.npz", "clips/b.npz"], "clips": ["b~2"]}))
    assert names(load_clips(path, G1)) == ["b~2"]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.txt", "# nothing\n", "names no motions"),
        ("a.txt", "b.npz\nx.npz\n", r"clips/x\.npz: no such file or folder; did you mean '.*clips/b\.npz'"),
        ("a.txt", "a.txt\n", "do they name each other"),
        ("a.json", "[", "not readable as JSON"),
        ("a.json", "3", "neither a list nor a mapping"),
        ("a.json", "[]", "names no motions"),
        ("a.json", "[3]", "entry 3: must be a text"),
        ("a.json", '[{"fps": 3}]', "must be a text, or a mapping with the key 'path'"),
        ("a.json", '[{"path": "b.npz", "fp": 3}]', "key unknown 'fp'; did you mean 'fps'"),
        ("a.json", '[{"path": "b.npz", "fps": "3"}]', "entry 'b.npz': fps: has the wrong type"),
        ("a.json", '{"motions": "builtin", "clips": []}', "clips: is empty"),
        ("a.json", '{"motions": "builtin", "clips": "wave"}', "clips: must be a list of names"),
        ("a.json", '{"motions": "builtin", "clips": ["wve"]}', "clips: unknown 'wve'; did you mean 'wave'"),
    ],
)
def test_mistakes_in_lists(folder: Path, name: str, text: str, reason: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(AthenaError, match=rf"{name}: .*{reason}"):
        load_clips(str(folder / name), G1)


def test_a_list_that_is_no_text(folder: Path) -> None:
    (folder / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AthenaError, match=r"a\.txt: is no text at byte 0"):
        load_clips(str(folder / "a.txt"), G1)


def test_a_name_with_a_comma(folder: Path) -> None:
    standing(G1).save(folder / "a,b.npz")
    assert names(load_clips("clips/a,b.npz", G1)) == ["standing"]


def test_many_files_show_progress_on_the_error_stream(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(60):
        standing(G1, frames=2).replace(name=f"n{number:02}").save(folder / "many" / f"{number:02}.npz")
    assert len(load_clips("clips/many", G1)) == 60
    assert capsys.readouterr().out == ""


def test_the_hash_is_of_the_content_and_its_order() -> None:
    one, other = gliding(G1), standing(G1)
    value = corpus_hash([one, other])
    assert len(value) == 16
    assert value == corpus_hash([one.replace(history=("x",), licence="CC0"), other])
    moved = one.replace(root_pos=one.root_pos + np.array((0.0, 0.0, 1e-4)))
    changed = [[other, one], [one], [one.replace(name="x"), other], [one.replace(fps=31.0), other], [moved, other]]
    assert len({value, *map(corpus_hash, changed)}) == 6


@pytest.mark.parametrize(
    "spec",
    ["clips", "clips/b.npz", "clips/*.npz", "builtin", "builtin:wave,walk", "builtin:wave,clips/b.npz,clips/deep"],
)
def test_a_list_elsewhere_names_the_same_files(folder: Path, monkeypatch: pytest.MonkeyPatch, spec: str) -> None:
    expected = names(load_clips(spec, G1))
    out = folder.parent / "runs" / "a" / "list.json"
    out.parent.mkdir(parents=True)
    # A file of the same name beside the list would be read instead.
    (out.parent / "clips").mkdir()
    out.write_text(json.dumps({"motions": specs_from([spec], out.parent)}))
    monkeypatch.chdir(folder)
    assert names(load_clips(str(out), G1)) == expected


def test_absolute_specifications_stay(folder: Path) -> None:
    specs = [str(folder), f"{folder}/*.npz", "builtin"]
    assert specs_from(specs, folder.parent / "runs") == specs


def test_a_specification_that_says_how_it_is_read(folder: Path, tmp_path: Path) -> None:
    """As JSON text: the options reach a folder's files, a list's own options go first, built-in clips need none."""
    spec = json.dumps({"path": "clips", "fps": 60, "quaternion": "xyzw"})
    clips = load_clips(["builtin:walk", spec], G1)
    assert names(clips) == ["walk", "a_30fps", "b", "c"]
    assert [clip.fps for clip in clips[1:]] == [60.0, 60.0, 60.0]
    (tmp_path / "list.json").write_text(json.dumps([{"path": "clips/a_30fps.csv", "fps": 50}, "clips/b.npz"]))
    clips = load_clips(json.dumps({"path": "list.json", "fps": 60, "quaternion": "xyzw"}), G1)
    assert [clip.fps for clip in clips] == [50.0, 60.0]
    both = load_clips(json.dumps({"path": "clips/b.npz,clips/a_30fps.csv", "fps": 40}), G1)
    assert [(clip.name, clip.fps) for clip in both] == [("b", 40.0), ("a_30fps", 40.0)]


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ('{"path": "clips"', "--motions: .*not readable as JSON"),
        ('{"path": "clips", "fp": 60}', "--motions: entry 'clips': key unknown 'fp'; did you mean 'fps'"),
        ('{"path": "clips", "fps": "60"}', "--motions: entry 'clips': fps: has the wrong type"),
        ('{"fps": 60}', "--motions: entry .* must be a text, or a mapping with the key 'path'"),
    ],
)
def test_nonsense_about_how_it_is_read(folder: Path, spec: str, reason: str) -> None:
    with pytest.raises(AthenaError, match=reason):
        load_clips(spec, G1)


def test_such_a_specification_keeps_its_options_in_another_folder(folder: Path, tmp_path: Path) -> None:
    (moved,) = specs_from([json.dumps({"path": "clips/a_30fps.csv", "fps": 60})], tmp_path / "out")
    assert json.loads(moved) == {"path": "../clips/a_30fps.csv", "fps": 60}
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "failed.json").write_text(json.dumps({"motions": [moved], "clips": ["a_30fps"]}))
    (clip,) = load_clips("out/failed.json", G1)
    assert clip.fps == 60.0
    assert spec_path(moved) == "../clips/a_30fps.csv"
    assert spec_path("clips") == "clips"


def test_a_text_that_begins_as_json_is_no_list(folder: Path, tmp_path: Path) -> None:
    """A motion in a format that no reader knows is said to be one, not taken for a list of odd paths."""
    (tmp_path / "human.txt").write_text('{\n"Loop": "wrap",\n"Frames": [[0.03, 0, 0, 0]]}\n')
    with pytest.raises(AthenaError, match=r"human\.txt: no reader knows this file \(it starts with '\{'\)"):
        load_clips("human.txt", G1)
    (tmp_path / "list.txt").write_text('{"path": "clips/a_30fps.csv", "fps": 60}\nbuiltin:walk\n')
    assert [clip.fps for clip in load_clips("list.txt", G1)] == [60.0, 30.0]
