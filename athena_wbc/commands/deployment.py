"""``athena export``."""

from __future__ import annotations

import argparse


def export(arguments: argparse.Namespace) -> None:
    """Export a policy, and say what was written and how near its networks are to it."""
    from athena_wbc.deployment.export import run_export
    from athena_wbc.deployment.network import FORMATS

    done = run_export(arguments.checkpoint, arguments.out, arguments.format, arguments.motions, arguments.privileged)
    contract = done.contract
    training, sizes = contract["training"], (contract["observations"]["size"], contract["action"]["size"])
    print(
        f"{done.folder}: {training['recipe']} at iteration {training['iteration']} for {contract['robot']['name']}, "
        f"{sizes[0]} observations to {sizes[1]} joint targets every {contract['control_dt']:g} s"
    )
    if not contract["deployable"]:
        print("  it reads what no robot measures: for simulation alone")
    checked = {FORMATS[name].file: f", at most {value:.1e} off the policy" for name, value in done.differences.items()}
    for name in [*contract["files"], "policy.json"]:
        size = (done.folder / name).stat().st_size
        print(f"  {name}: {size / 1000:,.0f} kB{checked.get(name, '')}")
    print(f"  the example and the check are {done.steps} control steps of '{done.clip}'")
