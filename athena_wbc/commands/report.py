"""``athena report``."""

from __future__ import annotations

import argparse
from pathlib import Path

from athena_wbc.commands.console import make_console


def report(arguments: argparse.Namespace) -> None:
    """Write the report of a folder again, and print its headline."""
    from athena_wbc.synthesis.report.findings import is_run

    folder = Path(arguments.folder)
    if is_run(folder):
        _report_loop(folder)
        return
    from athena_wbc.pipeline.report import print_summary, write_report

    write_report(folder)
    print_summary(folder, make_console())


def _report_loop(folder: Path) -> None:
    from athena_wbc.pipeline.tabular import to_rich
    from athena_wbc.synthesis.report.findings import read_run
    from athena_wbc.synthesis.report.tables import loops_table
    from athena_wbc.synthesis.report.write import verdict, write_loop_report

    page, console = write_loop_report(folder), make_console()
    run = read_run(folder, with_motions=False)
    console.print(to_rich(loops_table(run)))
    for sentence in verdict(run):
        console.print(sentence, style="bold", soft_wrap=True)
    console.print(f"report: {page}", soft_wrap=True)
