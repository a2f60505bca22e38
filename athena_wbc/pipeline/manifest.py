"""``manifest.json``: what every stage was made from, what it left, and whether both still hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from athena_wbc import __version__
from athena_wbc.address import public_text
from athena_wbc.errors import AthenaError
from athena_wbc.files import sha256_file, sha256_json, write_json
from athena_wbc.learning.train import changed_keys
from athena_wbc.pipeline.records import read_record

NAME = "manifest.json"
KIND = "pipeline"
PENDING, RUNNING, DONE, SKIPPED, FAILED = "pending", "running", "done", "skipped", "failed"
SETTINGS = "settings"
"""Name of the input that is the hash of a stage's own settings."""
_MOST_CHANGES = 3


class Manifest:
    """The record of one pipeline, or of other stages in a folder, written at every change.

    Args:
        folder: of the pipeline.
        content: of the file.
    """

    kind, command = KIND, "pipeline"
    """What the file calls itself, and the sub-command that writes it."""

    def __init__(self, folder: Path, content: dict[str, Any]) -> None:
        self.folder, self.content = folder, content

    @classmethod
    def new(cls, folder: Path) -> Manifest:
        """An empty one, not yet written."""
        return cls(folder, {"kind": cls.kind, "library_version": __version__, "stages": {}})

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The one of a folder.

        Raises:
            AthenaError: there is none, it is damaged, or another version of the library wrote it.
        """
        remedy = "choose another folder with --out, or remove this one"
        content = read_record(folder / NAME, cls.kind, cls.command, remedy)
        if not isinstance(content.get("stages"), dict) or not isinstance(content.get("config"), dict):
            raise AthenaError(f"{folder / NAME}: damaged, it lacks stages or config; {remedy}")
        return cls(folder, content)

    @property
    def stages(self) -> dict[str, dict[str, Any]]:
        """What is known of every stage."""
        return self.content["stages"]

    def status(self, stage: str) -> str:
        """Of a stage; ``pending`` where nothing is known."""
        return self.stages.get(stage, {}).get("status", PENDING)

    def note(self, stage: str, **facts: Any) -> None:
        """Add facts to a stage, and write the file."""
        self.stages.setdefault(stage, {}).update(facts)
        self.write()

    def forget(self, stage: str) -> None:
        """Make a stage as if it had never run; the file is not written."""
        self.stages.pop(stage, None)

    def write(self) -> None:
        """Write the file in one step."""
        write_json(self.folder / NAME, self.content)

    def changed_inputs(self, stage: str, inputs: Mapping[str, str], settings: Mapping[str, Any]) -> list[str]:
        """What differs between a stage's inputs then and now, in words; empty where nothing does."""
        entry = self.stages.get(stage, {})
        then = entry.get("inputs", {})
        changes = []
        for name in [*inputs, *(name for name in then if name not in inputs)]:
            if then.get(name) == inputs.get(name):
                continue
            if name == SETTINGS:
                changes.append(f"settings changed{_differences(entry.get('settings', {}), settings)}")
            elif name not in then:
                changes.append(f"{name} is new")
            elif name not in inputs:
                changes.append(f"{name} is no longer there")
            else:
                changes.append(f"{name} changed")
        return changes

    def damaged_outputs(self, stage: str) -> list[str]:
        """Outputs of a finished stage that are gone or are not what it left, in words."""
        found = []
        for name, expected in self.stages.get(stage, {}).get("outputs", {}).items():
            path = self.folder / name
            if not path.is_file():
                found.append(f"{name} is gone")
            elif sha256_file(path) != expected:
                found.append(f"{name} is damaged or was changed")
        return found


def settings_hash(settings: Mapping[str, Any]) -> str:
    """Hash of a stage's settings."""
    return sha256_json(settings)


def output_hashes(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Relative path -> SHA-256."""
    return {name: sha256_file(folder / name) for name in names}


def _differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Which settings differ, the first few with both values."""
    changed = changed_keys(then, now)
    shown = [f"{key}: {_brief(old)} -> {_brief(new)}" for key, (old, new) in list(changed.items())[:_MOST_CHANGES]]
    if len(changed) > _MOST_CHANGES:
        shown.append(f"{len(changed) - _MOST_CHANGES} more")
    return f" ({', '.join(shown)})" if shown else ""


def _brief(value: Any) -> str:
    text = public_text(str(value))
    return text if len(text) <= 40 else f"{text[:37]}..."
