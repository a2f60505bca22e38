"""What ``athena motions`` accepts."""

from __future__ import annotations

from athena_wbc.motion.findings import KINDS, SEVERITIES
from athena_wbc.parsers.base import (
    Commands,
    add_accept,
    add_human_options,
    add_motion_spec,
    add_reading_options,
    add_where,
    command,
    command_group,
    positive,
)


def add_motions(commands: Commands) -> None:
    group = command_group(commands, "motions", "Look at motion files, check, convert and sort them.")
    info = command(
        group,
        "info",
        ("motions", "info"),
        "Show what motion files hold.",
        "motions info builtin\nmotions info clips/ --format csv:unitree --fps 50\nmotions info walk.bvh --up z",
    )
    check = command(
        group,
        "check",
        ("check", "check"),
        "Check that motions are plausible: joint limits, jumps, falls, floating and sliding feet, facing.",
        "motions check clips/walk.csv --fps 30 --picture walk.png\n"
        "motions check clips/ --summary --csv findings.csv --picture pages/ --jobs 4\n"
        "motions check builtin --json --severity warning --kind foot_skating",
    )
    convert = command(
        group,
        "convert",
        ("motions", "convert"),
        "Convert motions of any known format into this library's own files, or into those of another project.",
        "motions convert lafan/*.csv --format csv:lafan --out clips/\n"
        "motions convert clips/ --to csv --resample 30 --out columns/\n"
        "motions convert take.csv --trim 2s:7s --ground --resample 50 --label dynamic --out clips/\n"
        "motions convert g1_moves/ --repair --out clips/\n"
        "motions convert clips/ --mirror --keep-original --out both/",
    )
    pack = command(
        group,
        "pack",
        ("pack", "pack"),
        "Pack folders of motions into one corpus that opens in seconds.",
        "motions pack clips/ more/*.csv --out corpus --jobs 8\n"
        "motions pack clips/ --out corpus --resume\n"
        "train --motions corpus --where \"label = 'dynamic' and duration < 20\" --out runs/dynamic",
    )
    manifest = command(
        group,
        "manifest",
        ("manifest", "manifest"),
        "Choose the dynamic and the balance-critical clips of a corpus, with a reason for every clip.",
        "motions manifest --motions clips/ --out manifests\n"
        "motions manifest --motions clips/ --exclude heldout.txt --size 50 --out manifests family_limit=2\n"
        "evaluate --checkpoint runs/first --motions manifests/balance.json --out runs/first/balance",
    )
    # Its keys are those of configs/manifest, not of a recipe.
    manifest.set_defaults(overrides=[])
    manifest.usage = f"{manifest.prog} [options] [key=value ...]"
    manifest.epilog += (
        "\nAny value of the configuration can be changed with key=value behind the options:\n"
        "  min_duration=1 dynamic.buckets.run.quota=0.5 balance.weights.tilt_mean=2\n"
        "The keys, with their values: configs/manifest/default.yaml\n"
    )
    add_motion_spec(manifest, reading=False)
    manifest.add_argument("--out", required=True, help="folder for dynamic.json, balance.json, manifest.json and .csv")
    manifest.add_argument("--size", type=positive, help="clips of each manifest at most (1000)")
    manifest.add_argument(
        "--exclude", action="append", metavar="FILE", help="clips never to choose: names in a .txt or .json list"
    )
    manifest.add_argument(
        "--config", default="default", help="name of a manifest configuration, or a YAML file (default)"
    )
    _add_retarget(group)
    command(
        group,
        "formats",
        ("motions", "list_formats"),
        "List the file formats that are read.",
        "motions formats",
    )
    for parser in (info, check, convert, pack):
        parser.add_argument("motions", nargs="+", help="files, folders, packed corpora, lists, or builtin[:name,...]")
        add_where(parser)
    for parser in (info, check, convert, pack, manifest):
        parser.add_argument("--robot", default="g1", help="robot that the motions are for (g1)")
        add_reading_options(parser)
    add_human_options(info)
    for parser in (info, convert, pack, manifest):
        add_accept(parser)
    for parser in (info, check):
        parser.add_argument("--json", action="store_true", help="print JSON")
    check.add_argument("--picture", metavar="PNG", help="draw a page: a file for one clip, a folder for many")
    check.add_argument("--frames", action="store_true", help="show the robot at the worst moments too (needs OpenGL)")
    check.add_argument("--csv", metavar="FILE", help="write the findings as a table")
    check.add_argument("--summary", action="store_true", help="counts of each kind instead of single findings")
    check.add_argument("--severity", choices=SEVERITIES, default=SEVERITIES[0], help="leave out what is less (info)")
    check.add_argument("--kind", action="append", choices=tuple(KINDS), help="only this kind; may be repeated")
    check.add_argument("--jobs", type=positive, default=1, help="processes (1)")
    convert.add_argument("--out", required=True, help="folder for the converted files")
    convert.add_argument(
        "--to",
        choices=("athena", "csv", "beyondmimic", "beyondmimic:isaac"),
        default="athena",
        help="format: this library's npz, columns of LAFAN and Unitree, or BeyondMimic's npz (athena)",
    )
    convert.add_argument("--trim", metavar="START:STOP", help="keep this range: frames, or seconds with an s")
    convert.add_argument(
        "--repair",
        action="store_true",
        help="remedy what check finds: --fix_jumps, --smooth, --clamp, "
        "and --ground_window 1 where the clip floats or sinks",
    )
    convert.add_argument("--fix_jumps", "--fix-jumps", action="store_true", help="take out jumps of the whole body")
    convert.add_argument(
        "--smooth", action="store_true", help="spread single-frame spikes of joints over their surroundings"
    )
    convert.add_argument("--clamp", action="store_true", help="set joints beyond their limits to the limit")
    convert.add_argument("--ground", action="store_true", help="move each clip so that its feet touch the ground")
    convert.add_argument(
        "--ground_window",
        "--ground-window",
        type=float,
        metavar="SECONDS",
        help="follow the ground through the clip instead, longer than any jump (1); airtime stays",
    )
    convert.add_argument("--mirror", action="store_true", help="exchange left and right")
    convert.add_argument(
        "--keep_original", "--keep-original", action="store_true", help="write both, the clip and its mirror image"
    )
    convert.add_argument("--resample", type=float, metavar="FPS", help="frame rate of the new files")
    for parser in (convert, pack):
        parser.add_argument("--label", help="locomotion, dynamic or balance")
        parser.add_argument("--licence", help="licence of the motions, for the record")
        parser.add_argument("--source", help="where the motions are from, for the record")
    pack.add_argument("--out", required=True, help="folder for the corpus")
    pack.add_argument("--jobs", type=positive, default=1, help="processes that read (1)")
    pack.add_argument("--shard_mb", "--shard-mb", type=positive, default=256, help="largest size of a shard, MB (256)")
    pack.add_argument("--resume", action="store_true", help="go on where packing was interrupted")
    pack.add_argument("--strict", action="store_true", help="stop at a motion that cannot be read")


def _add_retarget(group: Commands) -> None:
    parser = command(
        group,
        "retarget",
        ("retarget", "retarget"),
        "Make clips of a robot from motions of people, with a report on how good each is.",
        "motions retarget walk.bvh --robot g1 --out clips/\n"
        "motions retarget amass/ cmu/*.amc --robot g1 --out clips/ --jobs 8\n"
        "motions retarget dance.bvh --units cm --up y --out clips/ --collisions --json",
    )
    parser.add_argument("files", nargs="+", help="files of human motions, or folders of them")
    parser.add_argument("--robot", default="g1", help="robot that the clips are for (g1)")
    parser.add_argument("--out", required=True, help="folder for the clips and the report")
    parser.add_argument("--fps", type=float, default=50.0, help="frame rate of the clips (50)")
    parser.add_argument("--jobs", type=positive, default=1, help="processes (1)")
    parser.add_argument("--collisions", action="store_true", help="keep the legs from passing through each other")
    parser.add_argument("--scale", type=float, help="path of the robot by that of the person (ratio of the legs)")
    parser.add_argument(
        "--bar", action="append", default=[], metavar="NAME=VALUE", help="move a line below which clips are refused"
    )
    parser.add_argument("--keep_refused", "--keep-refused", action="store_true", help="write refused clips too")
    parser.add_argument("--redo", action="store_true", help="do files again that an earlier run finished")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--format", default="auto", help="file format, where it cannot be told (auto)")
    parser.add_argument("--source_fps", "--source-fps", type=float, help="frames a second of the files")
    add_human_options(parser)
    parser.add_argument("--label", help="locomotion, dynamic or balance")
    parser.add_argument("--licence", help="licence of the motions, for the record")
    parser.add_argument("--source", help="where the motions are from, for the record")
