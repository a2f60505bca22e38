#!/usr/bin/env python3
"""`athena export`, runnable from a bare checkout."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "robots"), str(ROOT / "tasks")]

from athena_wbc.cli import main

if __name__ == "__main__":
    sys.exit(main(["export", *sys.argv[1:]]))
