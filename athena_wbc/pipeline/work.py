"""A folder of stages with a manifest: what the schedule, the workers and the screen need to know of it.

The pipeline is one such work, the synthesis loop another. Nothing here knows what a stage does.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from athena_wbc.files import sha256_file, sha256_json
from athena_wbc.pipeline.graph import SIMULATED, TRAIN, Stage
from athena_wbc.pipeline.manifest import DONE, SKIPPED, Manifest
from athena_wbc.sim.registry import chosen


@dataclass(frozen=True)
class Outcome:
    """How a stage ended."""

    outputs: tuple[str, ...] = ()
    """Files that it left, from the work's folder."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What else the manifest keeps of it; ``told`` is what it found, in words."""
    interrupted: bool = False
    """Whether a signal stopped it, in a state from which it goes on."""


@dataclass
class Work(abc.ABC):
    """Stages in a folder: what they depend on, not what they do."""

    simulated: ClassVar[tuple[str, ...]] = SIMULATED
    """Kinds of stages that make environments in the process that runs them."""

    folder: Path
    """Absolute."""
    label: str
    """What its stages are shown with: ``seed_1/`` where there are several works."""
    graph: dict[str, Stage]
    manifest: Manifest

    @abc.abstractmethod
    def settings(self, stage: Stage) -> dict[str, Any]:
        """What the configuration says of a stage, with everything that its files resolve to, and its simulator."""

    def simulation(self, stage: Stage) -> dict[str, str | None]:
        """Which simulator a stage runs on, for its settings; empty where it needs none."""
        return chosen().facts() if stage.kind in self.simulated else {}

    @abc.abstractmethod
    def inputs(self, stage: Stage, settings: Mapping[str, Any]) -> dict[str, str]:
        """Name -> hash of everything that a stage's outputs depend on."""

    def why_skip(self, stage: Stage) -> str | None:
        """Why a stage, all of whose needs are over, has nothing to work on; None where it has."""
        return None

    def goes_on(self, stage: Stage) -> bool:
        """Whether a stage that was stopped can use what it has left already."""
        return stage.kind == TRAIN

    def clear(self, stage: Stage) -> None:  # noqa: B027 - most stages replace what they find
        """Take away what an earlier try of a stage has left, where it could be taken for what this one makes."""

    def remove_shown(self, kind: str, policy: str) -> None:  # noqa: B027 - nothing is shown by default
        """Remove what a stage that there is no longer has left, where a report would still show it."""

    def is_skipped(self, stage: str) -> bool:
        """Whether a stage was found to have nothing to work on."""
        return self.manifest.status(stage) == SKIPPED

    def skip(self, stage: Stage, reason: str) -> None:
        """Record that a stage has nothing to work on."""
        self.remove_shown(stage.kind, stage.policy)
        self.manifest.forget(stage.name)
        self.manifest.note(
            stage.name,
            kind=stage.kind,
            policy=stage.policy or None,
            needs=list(stage.needs),
            status=SKIPPED,
            why=reason,
            seconds=0.0,
        )

    def remove_damaged(self, stage: Stage) -> None:
        """Remove outputs that are not what a stage left, so that it does not take them for its own."""
        for name, expected in self.manifest.stages[stage.name].get("outputs", {}).items():
            path = self.folder / name
            if path.is_file() and sha256_file(path) != expected:
                path.unlink()

    def output_hash(self, stage: str) -> str:
        """Of all that a stage left; of a skipped one, of the word alone."""
        entry = self.manifest.stages[stage]
        return SKIPPED if entry["status"] == SKIPPED else sha256_json(entry["outputs"])

    def why_run(self, stage: Stage, inputs: Mapping[str, str], settings: Mapping[str, Any]) -> str | None:
        """Why a stage, all of whose needs are over, has to be run; None where it is done and still holds."""
        entry = self.manifest.stages.get(stage.name)
        if entry is None or "inputs" not in entry:
            was_skipped = self.is_skipped(stage.name)
            return "it was skipped before" if was_skipped else (entry or {}).get("why") or "not run yet"
        changes = self.manifest.changed_inputs(stage.name, inputs, settings)
        if changes:
            return ", ".join(changes)
        if entry["status"] != DONE:
            return "it was interrupted" if entry["status"] != "failed" else "it failed before"
        return ", ".join(self.manifest.damaged_outputs(stage.name)) or None


RunStage = Callable[[Any, Stage, str, bool], Outcome]
"""Does a stage of a work in the current directory, which is the work's folder.

Args:
    work, stage: what to do.
    device: torch device.
    resume: go on with what an earlier try with the same inputs has left.

Raises:
    AthenaError: anything that the user can put right.
"""
