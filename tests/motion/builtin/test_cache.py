"""Built-in clips as a user gets them: names, the cache folder, and the same numbers on every run."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion import builtin
from athena_wbc.motion.builtin import BUILTIN, builtin_clips, cache
from athena_wbc.motion.builtin.cache import cache_path
from athena_wbc.motion.builtin.script import UPRIGHT, Phase, Script
from athena_wbc.motion.clip import MotionClip

SHORT = "nod"


@pytest.fixture
def short_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    """A built-in clip that is generated in no time."""
    phases = (Phase(0.2), Phase(0.2, torso=(0.0, 0.2, 0.0)), Phase(0.2, torso=UPRIGHT))
    monkeypatch.setitem(BUILTIN, SHORT, Script(SHORT, "balance", "nods", phases))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, short_clip) -> Path:
    """An empty cache folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "athena_wbc" / "builtin"


@pytest.fixture
def no_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    """mink is not installed."""
    monkeypatch.setitem(sys.modules, "mink", None)
    for name in ("generate", "ik", "momentum"):
        monkeypatch.delitem(sys.modules, f"athena_wbc.motion.builtin.{name}", raising=False)
        if hasattr(builtin, name):
            monkeypatch.delattr(builtin, name)


def _arrays(clip: MotionClip) -> bytes:
    return b"".join(array.tobytes() for array in (clip.root_pos, clip.root_quat, clip.joint_pos))


def test_clips_come_in_the_order_asked_for(g1: Embodiment, motions):
    assert [clip.name for clip in builtin_clips(g1, ["walk", "wave"])] == ["walk", "wave"]
    assert [clip.name for clip in builtin_clips(g1)] == list(BUILTIN) == list(motions)
    assert builtin_clips(g1, []) == []


def test_an_unknown_name_is_refused(g1: Embodiment):
    with pytest.raises(AthenaError, match=r"^built-in clips: unknown 'wlak'; did you mean 'walk'\?"):
        builtin_clips(g1, ["wave", "wlak"])


def test_the_folder_is_that_of_the_user(g1: Embodiment, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    assert cache_path(g1, BUILTIN[SHORT]).parent == folder / "g1"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert cache_path(g1, BUILTIN[SHORT]).is_relative_to(tmp_path / ".cache" / "athena_wbc")


def test_a_kept_clip_is_the_generated_one(g1: Embodiment, folder: Path, no_generator):
    """The second call reads: it works without the generator and gives the same bits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(sys.modules, "mink")
        (first,) = builtin_clips(g1, [SHORT])
    path = cache_path(g1, BUILTIN[SHORT])
    assert [file.name for file in folder.rglob("*") if file.is_file()] == [path.name]
    sys.modules["mink"] = None
    (second,) = builtin_clips(g1, [SHORT])
    assert _arrays(first) == _arrays(second)
    assert second.label == "balance" and second.robot_hash == g1.hash


def test_without_the_extra_the_error_says_what_to_install(g1: Embodiment, folder: Path, no_generator):
    with pytest.raises(
        AthenaError, match=r"^built-in clips: mink is not installed; pip install -e '\.\[retarget\]' in the checkout$"
    ):
        builtin_clips(g1, [SHORT])


def test_another_process_makes_the_same_bytes(g1: Embodiment, folder: Path, tmp_path: Path):
    names = ["one_leg_hop"]
    code = (
        "from athena_wbc.embodiment import get_embodiment\n"
        "from athena_wbc.motion.builtin import builtin_clips\n"
        f"builtin_clips(get_embodiment('g1'), {names})\n"
    )
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "other"), "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=300)
    builtin_clips(g1, names)
    here, there = (
        {path.name: path.read_bytes() for path in base.rglob("*.npz")} for base in (folder, tmp_path / "other")
    )
    assert len(here) == 1 and here == there


@pytest.mark.parametrize("damage", ["cut", "garbage", "empty", "other clip"])
def test_a_damaged_file_is_generated_again(g1: Embodiment, folder: Path, damage: str):
    (clip,) = builtin_clips(g1, [SHORT])
    path = cache_path(g1, BUILTIN[SHORT])
    whole = path.read_bytes()
    if damage == "other clip":
        clip.replace(name="other").save(path)
    else:
        path.write_bytes({"cut": whole[: len(whole) // 2], "garbage": b"not a clip" * 99, "empty": b""}[damage])
    (again,) = builtin_clips(g1, [SHORT])
    assert _arrays(again) == _arrays(clip) and path.read_bytes() == whole


@pytest.mark.usefixtures("short_clip")
def test_a_folder_that_cannot_be_written_costs_only_time(
    g1: Embodiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    (clip,) = builtin_clips(g1, [SHORT])
    assert clip.name == SHORT and "is not kept" in caplog.text


@pytest.mark.usefixtures("short_clip")
def test_the_key_changes_with_robot_model_script_and_generator(
    g1: Embodiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    script = BUILTIN[SHORT]
    paths = {cache_path(g1, script)}
    paths.add(cache_path(dataclasses.replace(g1, damping=2.0 * g1.damping), script))
    (tmp_path / "g1.xml").write_text(g1.model_path.read_text().replace('size="0.01"', 'size="0.011"'))
    paths.add(cache_path(dataclasses.replace(g1, model_path=tmp_path / "g1.xml"), script))
    paths.add(cache_path(g1, dataclasses.replace(script, phases=script.phases[:-1])))
    monkeypatch.setattr(cache, "_generator_hash", lambda: "another")
    paths.add(cache_path(g1, script))
    assert len(paths) == 5


def test_numbers_are_kept_in_full(g1: Embodiment, folder: Path, generator):
    fresh = generator.clip(BUILTIN[SHORT])
    (kept,) = builtin_clips(g1, [SHORT])
    assert np.abs(fresh.joint_pos - kept.joint_pos).max() == 0.0
    assert np.abs(fresh.root_quat - kept.root_quat).max() < 1e-15
