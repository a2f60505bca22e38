"""``manifest.json`` of a loop: its stages, and what every loop came to."""

from __future__ import annotations

from typing import Any

from athena_wbc.pipeline.manifest import DONE, Manifest
from athena_wbc.synthesis.loop.graph import GENERATE, RECORD, STAGES, stage_name

KIND = "synthesis"


class SynthesisManifest(Manifest):
    """The record of one run of the loop, written at every change."""

    kind, command = KIND, "synthesize"

    def write(self) -> None:
        """Write the file in one step, with the loops' figures out of what their stages have left."""
        self.content["loops"] = self.loops()
        first = self.stages.get(stage_name(0, GENERATE), {})
        self.content["is_learned"] = first.get("is_learned")
        super().write()

    def loops(self) -> list[dict[str, Any]]:
        """Figures of every loop that is over, in their order; see `record.summary` for the keys."""
        found = []
        while (entry := self.stages.get(stage_name(len(found), RECORD), {})).get("status") == DONE:
            loop = len(found)
            entries = [self.stages.get(stage_name(loop, kind), {}) for kind in STAGES]
            seconds = sum(stage.get("seconds", 0.0) for stage in entries)
            found.append({**entry["summary"], "seconds": seconds, "files": self._files(loop)})
        return found

    def _files(self, loop: int) -> dict[str, str]:
        """Lineage of a loop: path -> SHA-256 of the lists that say where its clips come from."""
        files: dict[str, str] = {}
        for kind in STAGES:
            outputs = self.stages.get(stage_name(loop, kind), {}).get("outputs", {})
            files |= {name: digest for name, digest in outputs.items() if name.endswith((".jsonl", "schedule.json"))}
        return files
