"""The built-in clips as scripts."""

from __future__ import annotations

from athena_wbc.motion.builtin.script import Script
from athena_wbc.motion.builtin.scripts import balance, dynamic, locomotion

SCRIPTS: dict[str, Script] = {
    script.name: script for script in (*balance.SCRIPTS, *locomotion.SCRIPTS, *dynamic.SCRIPTS)
}
"""By name; slow clips first."""
