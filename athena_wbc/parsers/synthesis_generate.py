"""What ``athena generate`` accepts."""

from __future__ import annotations

from athena_wbc.parsers.base import Commands, command, positive


def add_generate(commands: Commands) -> None:
    parser = command(
        commands,
        "generate",
        ("synthesis_generate", "generate"),
        "Turn sentences into motions of a person: 22 joints at 20 fps.",
        'generate --prompt "a high roundhouse kick with the left leg, fast" --picture\n'
        "generate --prompts prompts.jsonl --out runs/motions --npy",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--prompt", metavar="TEXT", help="one sentence")
    source.add_argument("--prompts", metavar="FILE", help="JSON lines, as athena prompts sample --out writes them")
    parser.add_argument("--generator", default="library", help="name of a generator (library)")
    parser.add_argument("--frames", type=positive, default=120, help="frames at 20 fps (120)")
    parser.add_argument("--seed", type=int, default=0, help="of all draws (0); another one is another take")
    parser.add_argument("--out", default="runs/generated", help="folder (runs/generated)")
    parser.add_argument("--picture", action="store_true", help="also draw each motion as a strip of stick figures")
    views = ("side", "front", "oblique")
    parser.add_argument("--view", choices=views, default="side", help="of the picture: side, front or oblique (side)")
    parser.add_argument("--npy", action="store_true", help="also HumanML3D joints, which athena motions retarget reads")
    parser.usage = f"{parser.prog} (--prompt TEXT | --prompts FILE) [options] [key=value ...]"
    parser.set_defaults(overrides=[])
