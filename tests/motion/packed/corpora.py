"""Folders of clips to pack."""

from __future__ import annotations

from pathlib import Path

from athena_wbc.embodiment import get_embodiment
from tests.motion.samples import gliding, random_clip, standing, write_csv

G1 = get_embodiment("g1")
ACCEPT = {"accept": ("orientation", "joint_limits", "gravity")}


def write_clips(folder: Path, count: int = 12) -> Path:
    """Clips of several lengths, in two folders and two formats, two of one name, and a file that cannot be read."""
    for number in range(count):
        clip = random_clip(G1, 10 + 7 * number, number).replace(
            name=f"clip{number:02}",
            label="dynamic" if number % 3 else "balance",
            text=f"number {number}, ünïcode",
        )
        clip.save(folder / ("even" if number % 2 == 0 else "odd") / f"{number:02}.npz")
    standing(G1, 30).replace(name="clip00").save(folder / "same_name.npz")
    standing(G1, 30).replace(name="copy").save(folder / "copy.npz")
    write_csv(folder / "glide_30fps.csv", gliding(G1))
    (folder / "odd" / "broken.npz").write_bytes(b"PK\x03\x04 broken")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
