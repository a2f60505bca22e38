"""What ``athena export`` accepts."""

from __future__ import annotations

from athena_wbc.parsers.base import Commands, add_motion_spec, add_simulator_options, command


def add_export(commands: Commands) -> None:
    parser = command(
        commands,
        "export",
        ("deployment", "export"),
        "Write a policy out for a robot's computer: networks, the contract that says how to drive them, an example.",
        "export --checkpoint runs/finetune --out deploy/\n"
        "export --checkpoint runs/finetune/checkpoints/best.pt --motions my_clip.csv --out deploy/\n"
        "export --checkpoint runs/general --privileged --format torchscript --out sim_only/",
    )
    parser.add_argument("--checkpoint", required=True, help="a checkpoint, or a run folder: its newest")
    parser.add_argument("--out", required=True, help="folder; an earlier export in it goes")
    # `--format` here is the network's: motion files that need options are named in a list file.
    parser.add_argument(
        "--format", default="onnx,torchscript", metavar="FORMATS", help="of the network (onnx,torchscript)"
    )
    add_motion_spec(parser, reading=False)
    parser.add_argument("--privileged", action="store_true", help="also what reads more than a robot measures")
    add_simulator_options(parser)
