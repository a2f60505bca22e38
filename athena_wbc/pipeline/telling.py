"""What a finished stage of the pipeline has found, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from athena_wbc.pipeline.graph import EVALUATE, MINE, PICTURES, ROUTE


def in_words(kind: str, facts: Mapping[str, Any]) -> str:
    """A sentence on what a stage of some kind leaves in the manifest; empty where there is nothing to say."""
    tell = {MINE: _mined, ROUTE: _routed, EVALUATE: _evaluated, PICTURES: _drawn}.get(kind)
    return "" if tell is None else tell(facts)


def _mined(facts: Mapping[str, Any]) -> str:
    found, total = facts["clips"], facts["num_clips"]
    if not found:
        return f"the residual set is empty: '{facts['teacher']}' does all {total} clips; experts are skipped"
    never = "; the teacher never succeeds, train it longer" if facts["SR"] == 0.0 else ""
    return f"{len(found)} of {total} clips are residual ({', '.join(found)}){never}"


def _routed(facts: Mapping[str, Any]) -> str:
    shares = ", ".join(f"{count} to {name}" for name, count in facts["routed"].items())
    never = "".join(f"; '{name}' never succeeds" for name in facts["never_succeeds"])
    return f"{shares}; {facts['ties']} ties{never}"


def _evaluated(facts: Mapping[str, Any]) -> str:
    rates = [f"{name} {100.0 * row['SR']:.0f} %" for name, row in facts["sets"].items()]
    rates += [f"{name} skipped ({reason})" for name, reason in facts["skipped_sets"].items()]
    return "SR " + ", ".join(rates)


def _drawn(facts: Mapping[str, Any]) -> str:
    missing = f"not all could be drawn ({facts['problem']})" if facts["problem"] else ""
    return "; ".join(filter(None, (", ".join(facts["drawn"]), missing))) or "there is no clip to draw"
