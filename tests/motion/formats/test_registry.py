from __future__ import annotations

from pathlib import Path

import pytest

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats import Format, find_format, formats, motion_extensions, read_motion, register_format
from athena_wbc.motion.formats import registry as module
from tests.motion.samples import gliding, standing, write_csv


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_formats", dict(module._formats))


def test_every_format_documents_itself() -> None:
    assert [format.name for format in formats()] == sorted(format.name for format in formats())
    assert {"asap", "athena", "beyondmimic", "csv"} <= {format.name for format in formats()}
    for format in formats():
        assert format.description
        assert all(extension == extension.lower() and extension[0] == "." for extension in format.extensions)
    assert motion_extensions() >= {".npz", ".csv", ".pkl"}


def test_formats_by_name_alias_and_source() -> None:
    assert find_format("csv")[0].name == find_format("csv36")[0].name == "csv"
    assert find_format("csv:kimodo")[1] == "kimodo"
    with pytest.raises(AthenaError, match="--format: unknown 'csw'; did you mean 'csv'"):
        find_format("csw")
    with pytest.raises(AthenaError, match="--format csv: source unknown 'kimodoo'; did you mean 'kimodo'"):
        find_format("csv:kimodoo")
    with pytest.raises(AthenaError, match="--format asap: source unknown 'x'"):
        find_format("asap:x")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"quaternion": "wxzy"}, "--quaternion: unknown 'wxzy'; did you mean 'wxyz'"),
        ({"joint_order": "mjfc"}, "--joint-order: unknown 'mjfc'; did you mean 'mjcf'"),
        ({"accept": ["gravty"]}, "--accept: unknown 'gravty'; did you mean 'gravity'"),
        ({"fps": 0}, "--fps: must be positive"),
        ({"fps": float("nan")}, "--fps: must be positive"),
        ({"format": "cvs"}, "--format: unknown 'cvs'; did you mean 'csv'"),
    ],
)
def test_options_are_checked(tmp_path: Path, g1: Embodiment, options: dict, reason: str) -> None:
    path = write_csv(tmp_path / "a.csv", gliding(g1))
    with pytest.raises(AthenaError, match=reason):
        read_motion(path, robot=g1, **options)


def test_a_missing_path_suggests_the_nearest(tmp_path: Path, g1: Embodiment) -> None:
    (tmp_path / "clips").mkdir()
    write_csv(tmp_path / "clips" / "walk_forward.csv", gliding(g1))
    for wrong in ("clips/walk_foward.csv", "clips/walk_forward.npz"):
        with pytest.raises(AthenaError, match=r"no such file or folder; did you mean '.*clips/walk_forward\.csv'"):
            read_motion(tmp_path / wrong, robot=g1)
    with pytest.raises(AthenaError, match=r"clip: no such file or folder; did you mean '.*/clips'"):
        read_motion(tmp_path / "clip" / "walk_forward.csv", robot=g1)
    with pytest.raises(AthenaError, match=r"zebra: no such file or folder; '.*' exists, check the rest"):
        read_motion(tmp_path / "zebra" / "a.csv", robot=g1)


def test_a_folder_an_empty_and_an_unreadable_file(tmp_path: Path, g1: Embodiment) -> None:
    with pytest.raises(AthenaError, match="is a folder; a file is expected"):
        read_motion(tmp_path, robot=g1)
    (tmp_path / "a.csv").touch()
    with pytest.raises(AthenaError, match=r"a\.csv: is empty"):
        read_motion(tmp_path / "a.csv", robot=g1)
    (tmp_path / "b.xyz").write_bytes(b"\x00\x01\x02")
    with pytest.raises(AthenaError, match=r"b\.xyz: no reader knows this file; convert it, or name one of the formats"):
        read_motion(tmp_path / "b.xyz", robot=g1)


def test_another_package_adds_a_format(tmp_path: Path, g1: Embodiment, own_registry: None) -> None:
    def recognise(path: Path) -> str | None:
        return "three letters" if path.read_bytes() == b"abc" else None

    def read(path: Path, options) -> list:
        return [standing(options.robot).replace(name=path.stem)]

    register_format(Format("letters", "a test", (".abc",), recognise, read))
    (tmp_path / "x.abc").write_bytes(b"abc")
    (clip,) = read_motion(tmp_path / "x.abc", robot=g1)
    assert (clip.name, clip.history) == ("x", ("read from x.abc as letters (three letters)",))
    assert ".abc" in motion_extensions()
    register_format(Format("abc", "another", (".abc",), recognise, read))
    with pytest.raises(AthenaError, match="could be abc or letters; say which with --format"):
        read_motion(tmp_path / "x.abc", robot=g1)
    assert read_motion(tmp_path / "x.abc", format="letters", robot=g1)


def test_a_reader_that_forgets_to_name_the_file_does_not_get_away(
    tmp_path: Path, g1: Embodiment, own_registry: None
) -> None:
    def read(path: Path, options) -> list:
        raise AthenaError("something is wrong")

    register_format(Format("bad", "a test", (".bad",), lambda path: None, read))
    (tmp_path / "x.bad").write_bytes(b"x")
    with pytest.raises(AthenaError, match=r"x\.bad: something is wrong"):
        read_motion(tmp_path / "x.bad", format="bad", robot=g1)
    register_format(Format("bad", "a test", (".bad",), lambda path: None, lambda path, options: []))
    with pytest.raises(AthenaError, match=r"x\.bad: holds no motion"):
        read_motion(tmp_path / "x.bad", format="bad", robot=g1)
