"""A packed corpus as motions: equal to the files it was made of, and refused in one line where it is damaged."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("pyarrow")

import pyarrow
import pyarrow.parquet

from athena_wbc import cli
from athena_wbc.embodiment import load_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.corpus import find_motions, load_clips, specs_from, with_where
from athena_wbc.motion.library import MotionLibrary
from athena_wbc.motion.opening import open_library
from athena_wbc.motion.packed.folder import PackedClip, open_packed
from athena_wbc.motion.packed.pack import pack_motions
from athena_wbc.motion.packed.table import COLUMNS, MANIFEST, Facts, write_manifest
from tests.motion.packed.corpora import ACCEPT, G1, write_clips
from tests.toy_robot import write_toy


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_clips(tmp_path_factory.mktemp("motions") / "clips")
    (folder / "odd" / "broken.npz").unlink()
    return folder


@pytest.fixture(scope="module")
def packed(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("packed") / "corpus"
    pack_motions(clips, out, G1, options=ACCEPT, shard_mb=1 / 64)
    return out


@pytest.fixture()
def corpus(packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to damage, in the working directory."""
    shutil.copytree(packed, tmp_path / "corpus")
    monkeypatch.chdir(tmp_path)
    return Path("corpus")


def names(spec, **options) -> list[str]:
    return [clip.name for clip in load_clips(spec, G1, **options)]


@pytest.mark.parametrize("budget", [1.0, 0.0])
def test_a_library_of_shards_is_the_library_of_the_files_to_the_bit(clips: Path, packed: Path, budget: float) -> None:
    files = MotionLibrary(load_clips(str(clips), G1, **ACCEPT), G1, memory_budget_gb=budget)
    shards = open_library([str(packed)], G1, 0.02, memory_budget_gb=budget)
    assert shards.names == files.names and shards.labels == files.labels and shards.hash == files.hash
    assert torch.equal(shards.num_steps, files.num_steps)
    clip = torch.arange(files.num_clips).repeat_interleave(40)
    step = torch.arange(40).repeat(files.num_clips)
    for query in ("at", "query"):
        found, expected = (
            getattr(library, query)(clip, step if query == "at" else step * 0.013) for library in (shards, files)
        )
        for field in dataclasses.fields(found):
            assert torch.equal(getattr(found, field.name), getattr(expected, field.name))


def test_the_hash_of_the_manifest_is_that_of_the_numbers(packed: Path) -> None:
    library = open_library([str(packed)], G1, 0.02)
    assert library._hashes == library._compute_hashes()


def test_specifications(corpus: Path, clips: Path) -> None:
    everything = names("corpus")
    assert len(everything) == 15 and names("corpus/") == everything and names(corpus) == everything
    balance = ["clip00~2", "clip06", "clip03", "clip09"]
    assert names("corpus?label = 'balance'") == names("corpus/?label = 'balance'") == balance
    assert names("corpus?name IN ('clip03', 'clip06')") == ["clip06", "clip03"]
    assert names(["corpus?label = 'balance'", "corpus?frames = 10", str(clips / "copy.npz")]) == [
        *balance,
        "clip00~2~2",
        "copy",
    ]


def test_lists_name_packed_corpora_with_filters(corpus: Path) -> None:
    Path("a.json").write_text(json.dumps([{"path": "corpus", "where": "label = 'balance' and frames > 20"}]))
    assert names("a.json") == ["clip06", "clip03", "clip09"]
    Path("b.json").write_text(json.dumps([{"path": "corpus?frames > 40", "where": "label = 'balance' or 1"}]))
    assert names("b.json") == names("corpus?frames > 40")
    Path("c.txt").write_text("corpus/?frames in (10, 17)\n")
    assert names("c.txt") == ["clip00~2", "clip01"]
    Path("d.json").write_text(json.dumps({"motions": ["corpus?frames > 40"], "clips": ["clip06", "clip05"]}))
    assert names("d.json") == ["clip06", "clip05"]
    Path("folder/inside").mkdir(parents=True)
    shutil.move("corpus", "folder/inside/corpus")
    assert len(names("folder")) == 15


def test_a_list_elsewhere_names_the_same_clips(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = "corpus/?label IN ('balance', 'x')"
    expected = names(spec)
    out = Path("runs/a/list.json").resolve()
    out.parent.mkdir(parents=True)
    out.write_text(json.dumps({"motions": specs_from([spec], out.parent)}))
    monkeypatch.chdir("runs")
    assert names(str(out)) == expected


def test_where_is_written_into_the_motions(corpus: Path, clips: Path) -> None:
    assert with_where(["corpus/"], "frames > 20") == ["corpus?frames > 20"]
    specs = with_where(["corpus?label = 'balance'"], "frames > 20 or frames < 12")
    assert specs == ["corpus?(label = 'balance') and (frames > 20 or frames < 12)"]
    assert names(specs) == ["clip00~2", "clip06", "clip03", "clip09"]
    for spec in ("builtin", str(clips), "nowhere"):
        with pytest.raises(AthenaError, match=r"--where: filters packed corpora, '.*' is none; athena motions pack"):
            with_where(["corpus", spec], "1")


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"path": "builtin", "where": "1"}, "builtin: where: filters packed corpora alone"),
        ({"path": "clips", "where": "1"}, "clips: where: filters packed corpora, and this is none"),
        ({"path": "corpus", "where": 3}, "entry 'corpus': where: has the wrong type"),
        ({"path": "corpus", "where": "lable = 1"}, r"list\.json: .*corpus: where: column unknown 'lable'"),
    ],
)
def test_mistakes_in_lists(corpus: Path, clips: Path, entry: dict, reason: str) -> None:
    shutil.copytree(clips, "clips")
    Path("list.json").write_text(json.dumps([entry]))
    with pytest.raises(AthenaError, match=reason):
        load_clips("list.json", G1)


def test_clips_are_read_when_they_are_asked_for(corpus: Path) -> None:
    motions = find_motions("corpus", G1)
    assert all(isinstance(motion, PackedClip) for motion in motions)
    found = load_clips("corpus", G1)
    assert len(found[2:5]) == 3 and found[2:5][1].name == found[3].name and found[-1].name == motions[-1].name
    shard = motions[-1].path
    shard.write_bytes(bytes(shard.stat().st_size))
    assert found[0].num_frames == motions[0].num_frames
    with pytest.raises(AthenaError, match="damaged at clip"):
        found[-1]


# Refusals


def refused(reason: str, spec: str = "corpus") -> None:
    with pytest.raises(AthenaError, match=reason) as caught:
        MotionLibrary(find_motions(spec, G1), G1)
    assert "\n" not in str(caught.value)


def test_a_damaged_shard(corpus: Path) -> None:
    path = corpus / "shard-00001.f32"
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    name = next(clip.name for clip in find_motions("corpus", G1) if clip["shard"] == path.name)
    refused(rf"corpus/shard-00001\.f32: damaged at clip '{name}'; copy it again, or pack again")
    # Clips of other shards are not touched by it.
    assert MotionLibrary(find_motions("corpus?shard <> 'shard-00001.f32'", G1), G1).num_clips > 5


def test_a_shard_that_was_cut(corpus: Path) -> None:
    path = corpus / "shard-00001.f32"
    path.write_bytes(path.read_bytes()[:-4])
    refused(r"shard-00001\.f32: damaged: has \d+ bytes, the manifest says \d+")


def test_a_missing_shard(corpus: Path) -> None:
    (corpus / "shard-00002.f32").unlink()
    refused(r"shard-00002\.f32: this shard of the corpus is missing; copy it again, or pack again")


def test_a_shard_that_vanishes_while_it_is_open(corpus: Path) -> None:
    motions = find_motions("corpus", G1)
    shutil.rmtree(corpus)
    with pytest.raises(AthenaError, match=r"shard-00000\.f32: cannot be read \(No such file or directory\)"):
        motions[0].read()


def test_another_robot(corpus: Path, tmp_path: Path) -> None:
    toy = load_embodiment(write_toy(tmp_path))
    with pytest.raises(
        AthenaError, match=r"manifest\.parquet: robot: was packed for 'g1' .*choose that robot, or pack"
    ):
        load_clips("corpus", toy)
    changed = dataclasses.replace(G1, key_bodies=G1.key_bodies[:-1])
    if changed.hash != G1.hash:
        with pytest.raises(AthenaError, match=rf"\({G1.hash}\), this is 'g1' \({changed.hash}\)"):
            load_clips("corpus", changed)


def rewrite(corpus: Path, change) -> None:
    """The manifest with other metadata."""
    table = pyarrow.parquet.read_table(corpus / MANIFEST)
    meta = json.loads(table.schema.metadata[b"athena"])
    change(meta)
    table = table.replace_schema_metadata({b"athena": json.dumps(meta).encode()})
    pyarrow.parquet.write_table(table, corpus / MANIFEST)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda meta: meta.update(robot_hash="0123"), r"was packed for 'g1' \(0123\)"),
        (lambda meta: meta.update(joint_names=meta["joint_names"][::-1]), "joint_names: are not those of 'g1'"),
        (lambda meta: meta.update(version=9), "version 9 is not 1; pack the motions again"),
        (lambda meta: meta.update(format="other"), "is not the manifest of a packed corpus"),
        (lambda meta: meta.update(quaternion_order="wxyz"), "metadata is incomplete"),
        (lambda meta: meta.update(shards=3), "metadata is incomplete"),
        (lambda meta: meta.pop("joint_names"), "metadata is incomplete"),
        (lambda meta: meta["shards"].pop("shard-00001.f32"), "does not lie within its shard"),
    ],
)
def test_a_manifest_of_something_else(corpus: Path, change, reason: str) -> None:
    rewrite(corpus, change)
    refused(rf"corpus/manifest\.parquet: .*{reason}")


def test_a_file_that_is_not_parquet(corpus: Path) -> None:
    (corpus / MANIFEST).write_text("name,shard\n")
    refused(r"corpus/manifest\.parquet: not a readable Parquet file")
    content = (corpus / MANIFEST).read_bytes()
    (corpus / MANIFEST).write_bytes(b"")
    refused(r"manifest\.parquet: not a readable Parquet file")
    (corpus / MANIFEST).write_bytes(content)


def test_a_parquet_file_of_something_else(corpus: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"name": ["a"]}), corpus / MANIFEST)
    refused(r"manifest\.parquet: is not the manifest of a packed corpus; make one with athena motions pack")


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("text", None, "lacks the column 'text'"),
        ("frames", "text", "column 'frames': is not of type int64"),
    ],
)
def test_columns_that_are_missing_or_of_another_type(corpus: Path, column: str, values, reason: str) -> None:
    table = pyarrow.parquet.read_table(corpus / MANIFEST)
    index = table.column_names.index(column)
    table = table.remove_column(index)
    if values is not None:
        table = table.add_column(index, column, pyarrow.array([values] * len(table)))
    pyarrow.parquet.write_table(table, corpus / MANIFEST)
    refused(rf"manifest\.parquet: .*{reason}")


@pytest.mark.parametrize(("column", "value"), [("offset", -1), ("offset", 10**6), ("frames", 10**6), ("frames", 1)])
def test_a_clip_outside_of_its_shard(corpus: Path, column: str, value: int) -> None:
    table = pyarrow.parquet.read_table(corpus / MANIFEST)
    index = table.column_names.index(column)
    changed = table.set_column(index, column, pyarrow.array([value, *table.column(column).to_pylist()[1:]]))
    pyarrow.parquet.write_table(changed, corpus / MANIFEST)
    refused(r"manifest\.parquet: clip 'copy' does not lie within its shard")


def test_an_empty_corpus(corpus: Path) -> None:
    facts = Facts(G1.name, G1.hash, G1.joint_names, {})
    write_manifest(corpus / MANIFEST, dict.fromkeys(COLUMNS, ()), facts)
    refused(r"manifest\.parquet: names no clip; pack the motions again")


def test_a_filter_that_matches_nothing(corpus: Path) -> None:
    refused(r"corpus: where: no clip of 15 fits label = 'dance'; widen it", "corpus?label = 'dance'")
    refused(r"corpus: where: column unknown 'lable'; did you mean 'label'", "corpus?lable = 'dance'")


def test_a_folder_that_is_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match=r"has no manifest\.parquet; give the folder of a packed corpus"):
        open_packed(tmp_path, G1)


def test_commands_say_it_in_one_line(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (corpus / MANIFEST).write_bytes(np.random.default_rng(0).bytes(3000))
    assert cli.main(["motions", "info", "corpus"]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("athena: error: ") and captured.err.count("\n") == 1
