"""``athena report``."""

from __future__ import annotations

import argparse
from pathlib import Path

from athena_wbc.commands.console import make_console


def report(arguments: argparse.Namespace) -> None:
    """Write the report of a folder again, and print its headline."""
    from athena_wbc.pipeline.report import print_summary, write_report

    folder = Path(arguments.folder)
    write_report(folder)
    print_summary(folder, make_console())
