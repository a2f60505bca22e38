"""What a stage that is killed at any moment leaves is never taken for what another configuration makes."""

from __future__ import annotations

import dataclasses
import io
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from athena_wbc.errors import AthenaError
from athena_wbc.pipeline.folders import move_aside
from athena_wbc.pipeline.graph import EVALUATE, MANIFESTS, MINE, PICTURES, ROUTE, TRAIN, Stage
from athena_wbc.pipeline.manifest import Manifest
from athena_wbc.pipeline.plan import Plan
from athena_wbc.pipeline.schedule import Schedule
from athena_wbc.pipeline.show import Screen
from athena_wbc.pipeline.work import Outcome, Work

STAGE = Stage("dynamic", TRAIN, "dynamic")
WEIGHTS = "dynamic/model_2.pt"


@dataclasses.dataclass
class Training(Work):
    """A work of one training that learns from a policy."""

    source: str = "old"

    simulated = ()

    def settings(self, stage: Stage) -> dict[str, Any]:
        return {}

    def inputs(self, stage: Stage, settings: Mapping[str, Any]) -> dict[str, str]:
        return {"general": self.source}

    def clear(self, stage: Stage) -> None:
        Plan.clear(self, stage)


def train(work: Training, stage: Stage, device: str, resume: bool) -> Outcome:
    """Go on from what is there, as a training does that has made all its iterations already."""
    path = Path(WEIGHTS)
    if not (resume and path.exists()):
        path.parent.mkdir()
        path.write_text(f"learnt from {work.source}")
    return Outcome((WEIGHTS,), {"resumed": resume})


def refuse(*arguments: Any) -> Outcome:
    raise AthenaError("the simulator did not start")


def die(*arguments: Any) -> Outcome:
    os.kill(os.getpid(), signal.SIGKILL)
    return Outcome()


def go_on(folder: Path, source: str, run: Callable[..., Outcome]) -> dict[str, Any]:
    """Run the stage in a schedule of its own, as one call of the command does; what is on record then."""
    manifest = Manifest.read(folder) if (folder / "manifest.json").exists() else Manifest.new(folder)
    manifest.content.setdefault("config", {})
    screen = Screen(Console(file=io.StringIO()))
    try:
        Schedule(run, [Training(folder, "", {STAGE.name: STAGE}, manifest, source)], None, 1, "cpu", screen).run()
    except AthenaError:
        assert run in (refuse, die)
    finally:
        screen.close()
    return manifest.stages[STAGE.name]


@pytest.mark.parametrize("end", [refuse, die])
def test_an_old_training_is_not_gone_on_with_after_a_try_that_never_began(
    tmp_path: Path, end: Callable[..., Outcome]
) -> None:
    go_on(tmp_path, "old", train)
    go_on(tmp_path, "new", end)
    entry = go_on(tmp_path, "new", train)
    assert entry["status"] == "done" and (tmp_path / WEIGHTS).read_text() == "learnt from new"
    assert (tmp_path / "replaced" / "dynamic.1" / "model_2.pt").read_text() == "learnt from old"


def test_back_to_the_old_inputs_after_such_a_try(tmp_path: Path) -> None:
    go_on(tmp_path, "old", train)
    go_on(tmp_path, "new", die)
    assert go_on(tmp_path, "old", train)["why"] == "general changed"
    assert (tmp_path / WEIGHTS).read_text() == "learnt from old"


def test_killed_before_the_new_inputs_are_on_record(tmp_path: Path) -> None:
    """The old ones stand there, and what was made from them is away: either way it is made anew."""
    for source in ("old", "new"):
        folder = tmp_path / source
        folder.mkdir()
        go_on(folder, "old", train)
        move_aside(folder, "dynamic")
        assert go_on(folder, source, train)["status"] == "done"
        assert (folder / WEIGHTS).read_text() == f"learnt from {source}"


def test_what_was_stopped_goes_on(tmp_path: Path) -> None:
    go_on(tmp_path, "old", train)
    (tmp_path / WEIGHTS).write_text("half of it")
    manifest = Manifest.read(tmp_path)
    manifest.note(STAGE.name, status="pending", outputs={})
    assert go_on(tmp_path, "old", train)["resumed"]
    assert (tmp_path / WEIGHTS).read_text() == "half of it" and not (tmp_path / "replaced").exists()


def test_only_trainings_are_moved_aside(tmp_path: Path) -> None:
    (tmp_path / "general").mkdir()
    plan = SimpleNamespace(folder=tmp_path)
    Plan.clear(plan, Stage("evaluate.general", EVALUATE, "general"))
    assert (tmp_path / "general").is_dir()
    Plan.clear(plan, Stage("general", TRAIN, "general"))
    (tmp_path / "general").mkdir()
    Plan.clear(plan, Stage("general", TRAIN, "general"))
    assert sorted(path.name for path in (tmp_path / "replaced").iterdir()) == ["general.1", "general.2"]
    Plan.clear(plan, Stage("general", TRAIN, "general"))  # nothing is there


@pytest.mark.parametrize(
    ("kind", "policy", "left"),
    [
        (TRAIN, "general", {"evaluation", "pictures", "residual.json", "routing.json", "replaced"}),
        (MINE, "", {"general", "evaluation", "pictures", "routing.json"}),
        (ROUTE, "", {"general", "evaluation", "pictures", "residual.json"}),
        (PICTURES, "general", {"general", "evaluation", "residual.json", "routing.json"}),
        (MANIFESTS, "", {"general", "evaluation", "pictures", "residual.json", "routing.json"}),
        ("", "", {"general", "evaluation", "pictures", "residual.json", "routing.json"}),
    ],
)
def test_what_a_stage_that_is_gone_takes_along(tmp_path: Path, kind: str, policy: str, left: set[str]) -> None:
    for name in ("general", "evaluation", "pictures"):
        (tmp_path / name).mkdir()
    for name in ("residual.json", "routing.json"):
        (tmp_path / name).touch()
    for _ in range(2):  # the second time there is nothing
        Plan.remove_shown(SimpleNamespace(folder=tmp_path), kind, policy)
        assert {path.name for path in tmp_path.iterdir()} == left
