"""The files behind generators, and their digest."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.human import deepmimic
from athena_wbc.resources import config_path
from athena_wbc.synthesis.generators.registry import make_generator
from athena_wbc.synthesis.generators.sources import check_sources, generator_files, sources_digest
from tests.synthesis.generators.released import write_release
from tests.synthesis.generators.toys import CAPTIONS, write_toys


def files_of(name: str, **options: object) -> list[Path]:
    """What a generator says that it reads."""
    return list(generator_files(make_generator(name, options, "here")))


@pytest.fixture
def takes(tmp_path: Path) -> Path:
    """A folder of captioned motions."""
    folder = tmp_path / "takes"
    folder.mkdir()
    write_toys(folder, repetitions=1)
    return folder


def test_a_digest_tells_names_and_contents(takes: Path) -> None:
    first = sources_digest([takes])
    assert len(first) == 64 and sources_digest([takes]) == first
    content = (takes / "squat_0.txt").read_text()
    (takes / "squat_0.txt").write_text(content.replace("squats", "sqauts"))
    second = sources_digest([takes])
    assert second != first
    (takes / "squat_0.txt").write_text(content)
    assert sources_digest([takes]) == first
    (takes / "squat_0.txt").rename(takes / "squat_1.txt")
    assert sources_digest([takes]) not in (first, second)
    (takes / "squat_1.txt").rename(takes / "squat_0.txt")
    (takes / ".hidden").mkdir()
    (takes / ".hidden" / "notes").write_text("of an editor")
    assert sources_digest([takes]) == first
    (takes / "deep").mkdir()
    (takes / "deep" / "more.txt").write_text("")
    assert sources_digest([takes]) != first


def test_a_digest_does_not_tell_where_the_files_are(takes: Path) -> None:
    first = sources_digest([takes, takes / "squat_0.npy"])
    moved = takes.rename(takes.parent / "moved")
    assert sources_digest([moved, moved / "squat_0.npy"]) == first


def test_a_file_is_read_again_where_its_time_is_another(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"old")
    first = sources_digest([path])
    path.write_bytes(b"new")
    os.utime(path, ns=(0, 10**18))
    assert sources_digest([path]) != first


def test_what_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(AthenaError, match="gone: no such file or folder"):
        check_sources([gone])
    with pytest.raises(AthenaError, match="gone: cannot be read"):
        sources_digest([gone])
    gone.write_text("")
    check_sources([gone])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AthenaError, match=r"^gone: would be looked for in the folder of the run; write \./gone$"):
        check_sources([Path("gone")])


def test_a_folder_is_read_whole_or_by_its_index(takes: Path) -> None:
    assert files_of("folder", folder=str(takes)) == files_of("mdm_lite", motions=str(takes)) == [takes]
    (takes / "step_0.txt").unlink()
    lines = [{"file": f"{name}.npy"} for name in ("step_0", "squat_0", "squat_0")]
    index = takes / "index.jsonl"
    index.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    named = [index, takes / "squat_0.npy", takes / "step_0.npy", takes / "squat_0.txt"]
    assert files_of("folder", folder=str(takes)) == files_of("mdm_lite", motions=str(takes)) == named
    own = index.rename(takes.parent / "own.jsonl")
    assert files_of("folder", folder=str(takes), index=str(own)) == [own, *named[1:]]
    assert len(CAPTIONS) > 2  # so that the folder holds more than the index names


def test_a_release_is_named_file_by_file(tmp_path: Path) -> None:
    checkpoint = write_release(tmp_path, "trans_enc")
    options = {"checkpoint": str(checkpoint), "statistics": str(tmp_path), "text_encoder": str(tmp_path / "text")}
    names = [checkpoint.name, "args.json", "Mean.npy", "Std.npy", "text"]
    assert files_of("mdm", **options) == [tmp_path / name for name in names]
    with pytest.raises(AthenaError, match="text_encoder: names no folder"):
        files_of("mdm", **options | {"text_encoder": ""})
    (tmp_path / "Std.npy").unlink()
    with pytest.raises(AthenaError, match=r"statistics: .*Std\.npy: no such file"):
        files_of("mdm", **options)


@pytest.mark.parametrize(
    ("changes", "file", "content", "message"),
    [
        ({"arch": "gru"}, "", b"", r"args\.json: arch: is 'gru'"),
        ({"cond_mask_prob": 0.0}, "", b"", r"args\.json: cond_mask_prob: is 0"),
        ({}, "Mean.npy", b"no array", r"Mean\.npy"),
        ({}, "text/config.json", b'{"model_type": "gpt2"}', "text_encoder: .*model_type is 'gpt2'"),
    ],
)
def test_a_release_of_another_model_is_refused_before_any_work(
    changes: dict, file: str, content: bytes, message: str, tmp_path: Path
) -> None:
    checkpoint = write_release(tmp_path, "trans_enc", **changes)
    if file:
        (tmp_path / file).write_bytes(content)
    options = {"checkpoint": str(checkpoint), "statistics": str(tmp_path), "text_encoder": str(tmp_path / "text")}
    with pytest.raises(AthenaError, match=message):
        files_of("mdm", **options)


def test_the_library_reads_recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = {"kick": tmp_path / "humanoid3d_kick.txt", "jump": tmp_path / "humanoid3d_jump.txt"}
    monkeypatch.setattr(deepmimic, "installed_clips", lambda: clips)
    assert files_of("library") == files_of("mdm_lite") == [clips["jump"], clips["kick"]]
    assert files_of("library", mocap="none") == []


def test_a_bank_that_is_learned_from_is_one_of_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deepmimic, "installed_clips", dict)
    own = tmp_path / "own.yaml"
    own.write_text(config_path("bank", "dance").read_text())
    assert files_of("mdm_lite", bank=[str(own)], domains=["own", "sport"]) == [own]
    with pytest.raises(AthenaError, match="bank: domain unknown 'owm'; did you mean 'own'"):
        files_of("mdm_lite", bank=[str(own)], domains=["owm"])
    with pytest.raises(AthenaError, match=r"no\.yaml: no such file"):
        files_of("mdm_lite", bank=[str(tmp_path / "no.yaml")])


def test_servers_read_no_files() -> None:
    assert files_of("http", url="http://127.0.0.1:1/motions") == files_of("irg") == []
