"""What ``athena prompts`` accepts."""

from __future__ import annotations

from athena_wbc.parsers.base import Commands, Parser, command, command_group, positive


def add_prompts(commands: Commands) -> None:
    group = command_group(commands, "prompts", "Look at the bank of phrases, draw prompts from it, check your own.")
    listing = command(
        group,
        "list",
        ("synthesis_bank", "list_bank"),
        "List the domains of the bank, or the phrases and sentences of one.",
        "prompts list\nprompts list dance\nprompts list parkour --bank parkour.yaml",
    )
    sample = command(
        group,
        "sample",
        ("synthesis_bank", "sample"),
        "Draw prompts from the bank.",
        "prompts sample --count 40 --out prompts.jsonl\n"
        "prompts sample --domain dance --tier 3 --seed 7\n"
        "prompts sample --random --count 200 --out random.jsonl",
    )
    check = command(
        group,
        "check",
        ("synthesis_bank", "check"),
        "Check domains of your own, and say what is worth a second look.",
        "prompts check parkour.yaml\nprompts check bank/",
    )
    read = command(
        group,
        "read",
        ("synthesis_bank", "read"),
        "Show how a sentence is understood: its moves, in order, and their manner.",
        'prompts read "The person turns around and kicks twice with the left leg"',
    )
    listing.add_argument("domain", nargs="?", help="domain whose phrases are listed (all, counted)")
    for parser in (listing, sample):
        _add_bank_options(parser)
    sample.add_argument("--count", type=positive, default=5, help="prompts of each domain (5)")
    sample.add_argument("--domain", action="append", metavar="NAME", help="only this domain; may be repeated (all)")
    sample.add_argument("--tier", type=float, help="difficulty that is aimed at, 1 to 3 (any)")
    sample.add_argument("--spread", type=float, help="how far from --tier is still drawn often, in tiers (0.5)")
    sample.add_argument("--seed", type=int, default=0, help="seed of the draw (0)")
    sample.add_argument("--loop", type=int, default=0, help="loop of the draw, which changes it as the seed does (0)")
    sample.add_argument(
        "--random", action="store_true", help="general sentences from a grammar instead of the bank: the baseline"
    )
    sample.add_argument("--out", metavar="FILE", help="write them as JSON, one prompt a line")
    check.add_argument("files", nargs="+", help="YAML files of one domain each, or folders of them")
    read.add_argument("text", help="the sentence, in quotes")
    read.add_argument("--json", action="store_true", help="print the prompt as JSON")


def _add_bank_options(parser: Parser) -> None:
    parser.add_argument(
        "--bank", action="append", default=[], metavar="PATH", help="a domain of your own, or a folder; may be repeated"
    )
    parser.add_argument("--only", action="store_true", help="leave out the domains that come with the library")
