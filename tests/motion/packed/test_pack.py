"""Packing: the same bytes however many processes, however often it is killed."""

from __future__ import annotations

import csv
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")

from athena_wbc import cli
from athena_wbc.errors import AthenaError
from athena_wbc.motion.corpus import load_clips
from athena_wbc.motion.features import FEATURES, motion_features
from athena_wbc.motion.packed.folder import WORK, clip_hash, clip_rows, open_packed
from athena_wbc.motion.packed.pack import pack_motions
from athena_wbc.motion.packed.table import MANIFEST
from tests.motion.packed.corpora import ACCEPT, G1, contents, write_clips

SMALL = 1 / 128
"""Size of a shard, MB: 56 frames of the G1."""


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clips(tmp_path_factory.mktemp("motions") / "clips")


@pytest.fixture(scope="module")
def packed(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("packed") / "corpus"
    pack_motions(clips, out, G1, options=ACCEPT, shard_mb=SMALL)
    return out


def test_the_table_holds_what_the_files_hold(clips: Path, packed: Path) -> None:
    found = load_clips([str(clips / name) for name in ("copy.npz", "even", "glide_30fps.csv")], G1, **ACCEPT)
    corpus = open_packed(packed, G1)
    columns = corpus.columns
    assert columns["name"][:8] == ["copy", "glide_30fps", "clip00", "clip00~2", "clip02", "clip04", "clip06", "clip08"]
    assert len(corpus) == 15
    by_name = {clip.name: clip for clip in corpus.clips()}
    for clip in found:
        row = by_name["clip00~2" if clip.name == "clip00" else clip.name]
        rows = clip_rows(clip, G1)
        assert np.array_equal(row.read(), rows)
        assert row["hash"] == clip_hash(clip.fps, rows)
        assert (row.fps, row.num_frames, row["duration"]) == (clip.fps, clip.num_frames, clip.duration)
        for key in ("source", "licence", "label", "text"):
            assert row[key] == getattr(clip, key)
        assert row["history"].splitlines() == [" ".join(step.split()) for step in clip.history]
        features = motion_features(clip, G1)
        assert [row[name] for name in FEATURES] == [getattr(features, name) for name in FEATURES]
        again = row.load()
        assert np.allclose(again.root_quat, clip.root_quat, atol=1e-6) and again.history == tuple(
            row["history"].splitlines()
        )


def test_shards_are_flat_arrays_of_bounded_size(packed: Path) -> None:
    columns = open_packed(packed, G1).columns
    shards = sorted(path.name for path in packed.glob("*.f32"))
    assert shards == sorted(set(columns["shard"])) and len(shards) > 5
    for name in shards:
        rows = np.memmap(packed / name, "<f4", mode="r").reshape(-1, 36)
        inside = [index for index, shard in enumerate(columns["shard"]) if shard == name]
        assert len(rows) == sum(columns["frames"][index] for index in inside)
        assert rows.nbytes <= 8192 or len(inside) == 1
        assert np.allclose(np.linalg.norm(rows[:, 3:7], axis=1), 1.0, atol=1e-6)
    assert not (packed / WORK).exists()


def test_what_could_not_be_read_is_listed(packed: Path) -> None:
    with open(packed / "rejected.csv", newline="") as stream:
        (heading, rejected) = list(csv.reader(stream))
    assert heading == ["path", "reason"]
    assert rejected[0].endswith("odd/broken.npz") and "not a readable npz" in rejected[1]


def test_any_number_of_processes_gives_the_same_bytes(
    clips: Path, packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("athena_wbc.motion.packed.readers._BATCH", 2)
    progress = []
    result = pack_motions(
        clips,
        tmp_path / "corpus",
        G1,
        options=ACCEPT,
        shard_mb=SMALL,
        jobs=2,
        progress=lambda done, total: progress.append((done, total)),
    )
    assert contents(tmp_path / "corpus") == contents(packed)
    assert progress == [(done, 16) for done in range(17)]
    assert (result.clips, len(result.rejected)) == (15, 1)
    assert result.identical == [["copy", "clip00"]]


@pytest.mark.parametrize("stop", [1, 5, 11, 15])
def test_going_on_after_a_stop_gives_the_same_bytes(
    clips: Path, packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    out = tmp_path / "corpus"

    def stop_here(done: int, total: int) -> None:
        if done == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack_motions(clips, out, G1, options=ACCEPT, shard_mb=SMALL, progress=stop_here)
    shards = {path.name: path.stat().st_mtime_ns for path in out.glob("*.f32")}
    with pytest.raises(AthenaError, match=r"corpus: is not packed to the end; go on with .* --resume"):
        load_clips(str(out), G1)
    with pytest.raises(AthenaError, match="go on with --resume, or remove it"):
        pack_motions(clips, out, G1, options=ACCEPT, shard_mb=SMALL)
    pack_motions(clips, out, G1, options=ACCEPT, shard_mb=SMALL, resume=True)
    assert contents(out) == contents(packed)
    # What was finished has not been written again.
    assert {name: (out / name).stat().st_mtime_ns for name in shards} == shards


def test_a_killed_process_leaves_nothing_half_done(clips: Path, packed: Path, tmp_path: Path) -> None:
    """As it happens: SIGKILL to the command with its readers, in the middle of the work; then --resume."""
    out = tmp_path / "corpus"
    code = (
        "import sys, time\n"
        "from athena_wbc.motion.packed.pack import pack_motions\n"
        "from tests.motion.packed.corpora import ACCEPT, G1\n"
        "if __name__ == '__main__':\n"
        "    pack_motions(sys.argv[1], sys.argv[2], G1, options=ACCEPT, shard_mb=1 / 128, jobs=2,\n"
        "                 progress=lambda done, total: time.sleep(0.2 if done > 6 else 0))\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    path = os.pathsep.join(str(place) for place in [Path(cli.__file__).parents[1], *sys.path])
    command = [sys.executable, str(script), str(clips), str(out)]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path})
    limit = time.monotonic() + 60
    while len(list(out.glob("shard-*.f32"))) < 2 and time.monotonic() < limit:
        time.sleep(0.02)
    readers = _children(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / MANIFEST).exists() and (out / WORK).is_dir()
    (out / ".shard-00099.f32.x.tmp").write_bytes(b"half a shard")
    pack_motions(clips, out, G1, options=ACCEPT, shard_mb=SMALL, resume=True)
    assert contents(out) == contents(packed)
    while any(_alive(reader) for reader in readers) and time.monotonic() < limit:
        time.sleep(0.02)
    assert len(readers) >= 2 and not any(_alive(reader) for reader in readers)


def _children(parent: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = status.read_text()
        except OSError:
            continue
        if int(text.rpartition(")")[2].split()[1]) == parent:
            found.append(int(status.parent.name))
    return found


def _alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_full_disk_is_one_line_and_finished_shards_stay(
    clips: Path, packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "corpus"
    fsync, synced = os.fsync, []

    def full(descriptor: int) -> None:
        synced.append(descriptor)
        if len(list(out.glob("shard-*.f32"))) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr("athena_wbc.files.os.fsync", full)
        with pytest.raises(AthenaError, match=r"cannot be written \(No space left on device\): free some space"):
            pack_motions(clips, out, G1, options=ACCEPT, shard_mb=SMALL)
    assert len(list(out.glob("shard-*.f32"))) == 3 and not list(out.rglob("*.tmp"))
    pack_motions(clips, out, G1, options=ACCEPT, shard_mb=SMALL, resume=True)
    assert contents(out) == contents(packed)


def test_resume_of_other_motions_or_options_is_refused(clips: Path, packed: Path, tmp_path: Path) -> None:
    out = tmp_path / "corpus"

    def stop_here(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack_motions(clips, out, G1, options=ACCEPT, shard_mb=SMALL, progress=stop_here)
    for spec, change in ((clips / "even", {}), (clips, {"shard_mb": 2}), (clips, {"changes": {"label": "dynamic"}})):
        with pytest.raises(AthenaError, match="--resume: was begun with other motions or options"):
            pack_motions(spec, out, G1, **{"options": ACCEPT, "shard_mb": SMALL, "resume": True, **change})
    result = pack_motions(clips, packed, G1, options=ACCEPT, shard_mb=SMALL, resume=True)
    assert (result.clips, len(result.rejected)) == (15, 1)


def test_what_is_there_is_not_overwritten(clips: Path, packed: Path, tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match="corpus: already holds a packed corpus"):
        pack_motions(clips, packed, G1)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(AthenaError, match="holds other files; name a new folder with --out"):
        pack_motions(clips, tmp_path, G1)
    with pytest.raises(AthenaError, match=r"notes\.txt: is a file; name a folder with --out"):
        pack_motions(clips, tmp_path / "notes.txt", G1)


def test_nothing_that_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.npz").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(AthenaError, match=r"corpus: no motion could be read, of 1; the first: .*a\.npz"):
        pack_motions(tmp_path / "clips", tmp_path / "corpus", G1)
    assert not (tmp_path / "corpus" / WORK).exists()


def test_strict_stops_at_the_first(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match=r"broken\.npz: .*\(--strict"):
        pack_motions(clips, tmp_path / "corpus", G1, options=ACCEPT, strict=True)


def test_a_packed_corpus_is_packed_again_without_loss(packed: Path, tmp_path: Path) -> None:
    pack_motions(str(packed), tmp_path / "again", G1, shard_mb=SMALL)
    first, second = contents(packed), contents(tmp_path / "again")
    assert {name for name in first if first[name] != second.get(name)} == {"rejected.csv"}
    spec = f"{packed}?label = 'dynamic' and frames > 20"
    result = pack_motions([spec], tmp_path / "some", G1, changes={"licence": "CC-BY"})
    some = open_packed(tmp_path / "some", G1).columns
    assert set(some["label"]) == {"dynamic"} and set(some["licence"]) == {"CC-BY"} and result.clips == len(some["name"])
    assert some["hash"] == [clip["hash"] for clip in open_packed(packed, G1).clips("label = 'dynamic' and frames > 20")]


def test_a_list_that_chooses_clips_is_packed_too(clips: Path, packed: Path, tmp_path: Path) -> None:
    chosen = tmp_path / "failed.json"
    chosen.write_text(json.dumps({"motions": [str(packed)], "clips": ["clip05", "copy"]}))
    pack_motions([str(chosen), "builtin:wave"], tmp_path / "corpus", G1)
    assert open_packed(tmp_path / "corpus", G1).columns["name"] == ["clip05", "copy", "wave"]


def test_without_pyarrow_one_line_names_the_extra(
    clips: Path, packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(AthenaError, match=r"need pyarrow: pip install -e '\.\[corpus\]'"):
        pack_motions(clips, tmp_path / "corpus", G1)
    assert not (tmp_path / "corpus").exists()


def test_the_command(
    clips: Path, packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    accept = ["--accept", "orientation", "--accept", "joint_limits", "--accept", "gravity"]
    assert cli.main(["motions", "pack", str(clips), "--out", "corpus", *accept]) == 0
    printed = capsys.readouterr().out
    assert "left out: " in printed and "broken.npz: not a readable npz" in printed
    assert "identical: copy, clip00" in printed
    assert "15 clip(s)" in printed and "1 left out (rejected.csv), 1 identical to another" in printed
    assert cli.main(["motions", "info", "corpus", "--where", "label = 'balance'"]) == 0
    assert "4 clip(s)" in capsys.readouterr().out
    assert cli.main(["motions", "info", str(clips), "--where", "label = 'balance'"]) == 2
    assert "athena: error: --where: filters packed corpora, " in capsys.readouterr().err
    assert cli.main(["train", "--where", "frames > 3", "--out", "run"]) == 2
    assert "--where: filters packed corpora; name one with --motions" in capsys.readouterr().err
