"""The generator `folder`: motions that are there already, matched to prompts by an index or by their captions.

A folder holds files of any human format that athena reads whose skeleton has the 22 joints of the SMPL family, and, if
one likes, ``index.jsonl`` with a line for each motion::

    {"file": "kicks/a.npy", "prompt": "5f0c1a2b3c4d", "text": "a person kicks high", "clip": "a"}

``prompt`` (identifier of a prompt) and ``text`` (a caption) are optional, ``clip`` is needed for files of several
motions. Files that no line speaks of are not used when there is an index. Without one all files of the folder are used;
a caption is what the file says itself, or the first line of a text file beside it (``a.txt`` of ``a.npy``, up to a
``#`` as in HumanML3D), or its name.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from athena_wbc.errors import AthenaError
from athena_wbc.files import sha256_file
from athena_wbc.motion.formats.human.registry import human_extensions, read_human, recognise_human
from athena_wbc.motion.human import HumanMotion
from athena_wbc.synthesis.generators.mdm.diffusion import noise_source
from athena_wbc.synthesis.generators.mdm.features import placed_start
from athena_wbc.synthesis.generators.mdm.text import HashedNgrams
from athena_wbc.synthesis.generators.mdm.training import Example
from athena_wbc.synthesis.human_features import joints_at_rate
from athena_wbc.synthesis.motion import FPS, JOINT_NAMES, SyntheticMotion
from athena_wbc.synthesis.prompt import Prompt

INDEX = "index.jsonl"
_KEYS = ("file", "prompt", "text", "clip")
_LONGEST_LINE = 100_000


@dataclasses.dataclass
class FolderConfig:
    """Settings of `folder`."""

    folder: str = ""
    """Where the motions are."""
    index: str = ""
    """JSONL file of the index; empty: index.jsonl of the folder, where there is one."""
    least_similarity: float = 0.35
    """Likeness of words, 0 to 1, that a caption must have with a prompt which the index does not name."""
    learned: bool = False
    """Whether a learned model made the motions; it is written into their records."""
    licence: str = ""
    """Licence of motions whose files do not name one."""
    fps: float = 0.0
    """Frame rate of files that state none; 0: what file and format say."""
    up: str = ""
    """Vertical axis of files that state none, as ``y``; empty: what file and format say."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """A motion of the folder."""

    path: Path
    text: str
    prompt: str = ""
    clip: str = ""
    motion: HumanMotion | None = None
    """Where it was read already, to see what the file holds."""


class FolderGenerator:
    """Gives motions of a folder in answer to prompts.

    Raises:
        AthenaError: a setting that cannot be.
    """

    name = "folder"

    def __init__(self, config: FolderConfig) -> None:
        if not config.folder:
            raise AthenaError("folder: names no folder; name one with motions")
        if not 0.0 <= config.least_similarity <= 1.0:
            raise AthenaError(f"least_similarity: must be from 0 to 1, is {config.least_similarity:g}")
        self.config = config
        self.is_learned = config.learned

    def files(self) -> list[Path]:
        """What is read to find and to answer; see :func:`motion_files`."""
        return motion_files(Path(self.config.folder), self.config.index)

    def generate(self, prompts: Sequence[Prompt], frames: int, seed: int) -> list[SyntheticMotion]:
        """The motion that the index names for a prompt, or the one whose caption has its words.

        Of several that fit alike, prompt and seed choose one. A motion that is longer is cut at its end.

        Raises:
            AthenaError: the folder or a file cannot be read, or a prompt has no motion.
        """
        if frames < 2:
            raise AthenaError(f"frames: must be 2 or more, is {frames}")
        chosen = [self._match(prompt, seed) for prompt in prompts]
        missing = [(prompt, found) for prompt, found in zip(prompts, chosen, strict=True) if found[0] is None]
        if missing:
            prompt, (_, similarity, nearest) = missing[0]
            raise AthenaError(
                f"folder: {self.config.folder}: {len(missing)} of {len(prompts)} prompts have no motion, the first is "
                f"{prompt.id} '{prompt.text[:80]}' (nearest caption '{nearest[:60]}', likeness {similarity:.2f} of "
                f"{self.config.least_similarity:g}); name it in {INDEX}, or lower least_similarity"
            )
        return [
            self._answer(prompt, entry, similarity, frames, seed)
            for prompt, (entry, similarity, _) in zip(prompts, chosen, strict=True)
            if entry is not None
        ]

    @functools.cached_property
    def _entries(self) -> list[Entry]:
        config = self.config
        return read_entries(Path(config.folder), config.index, config.fps or None, config.up or None)

    @functools.cached_property
    def _captions(self) -> np.ndarray:
        return np.stack([HashedNgrams().vector(entry.text) for entry in self._entries])

    def _match(self, prompt: Prompt, seed: int) -> tuple[Entry | None, float, str]:
        """The entry for a prompt (None: there is none), the likeness of its words, and the nearest caption."""
        named = [entry for entry in self._entries if entry.prompt == prompt.id]
        if named:
            return named[_draw(prompt, seed, len(named))], 1.0, named[0].text
        encoder = HashedNgrams()
        likeness = self._captions @ encoder.vector(prompt.text) / encoder.width
        best = float(likeness.max())
        ties = [index for index, value in enumerate(likeness) if value > best - 1e-9]
        entry = self._entries[ties[_draw(prompt, seed, len(ties))]]
        return (entry if best >= self.config.least_similarity else None), best, entry.text

    def _answer(self, prompt: Prompt, entry: Entry, similarity: float, frames: int, seed: int) -> SyntheticMotion:
        motion = self._read(entry)
        positions = as_joints(motion, str(entry.path))
        return SyntheticMotion(
            prompt_id=prompt.id,
            positions=placed_start(positions[:frames]),
            generator=self.name,
            is_learned=self.is_learned,
            seed=seed,
            provenance={
                "file": entry.path.name,
                "file_sha256": sha256_file(entry.path),
                "clip": motion.name,
                "caption": entry.text,
                "likeness": round(similarity, 4),
                "named_by_index": entry.prompt == prompt.id,
                "source": motion.source,
                "history": list(motion.history),
            },
            licence=motion.licence or self.config.licence,
        )

    def _read(self, entry: Entry) -> HumanMotion:
        return read_entry(entry, self.config.fps or None, self.config.up or None)


def captioned_motions(folder: Path) -> tuple[list[Example], str]:
    """All motions of a folder with their captions, and their licences, for training.

    Raises:
        AthenaError: the folder or one of its files cannot be read.
    """
    examples, licences = [], set()
    for entry in read_entries(folder):
        motion = read_entry(entry, None, None)
        examples.append(Example(entry.text, placed_start(as_joints(motion, str(entry.path)))))
        licences.add(motion.licence)
    return examples, "; ".join(sorted(licences - {""}))


def read_entries(folder: Path, index: str = "", fps: float | None = None, up: str | None = None) -> list[Entry]:
    """The motions of a folder, by its index or by its files, in the order of their paths.

    Raises:
        AthenaError: no folder, no motion in it, or an index with a wrong line.
    """
    path = _index_path(folder, index)
    entries = _of_index(path, folder) if path.is_file() else _of_files(folder, fps, up)
    if not entries:
        raise AthenaError(f"folder: {folder}: holds no motion of a human format that athena reads; put some there")
    return entries


def motion_files(folder: Path, index: str = "") -> list[Path]:
    """What :func:`read_entries` reads: the whole folder, or its index with the motions and captions that it names.

    Raises:
        AthenaError: no folder, or an index with a wrong line.
    """
    path = _index_path(folder, index)
    if not path.is_file():
        return [folder]
    root = folder.resolve()
    motions = sorted({folder / entry.path.relative_to(root) for entry in _of_index(path, folder)})
    captions = [motion.with_suffix(".txt") for motion in motions]
    return [path, *motions, *(caption for caption in captions if caption.is_file())]


def read_entry(entry: Entry, fps: float | None, up: str | None) -> HumanMotion:
    """Read one motion.

    Raises:
        AthenaError: the file cannot be read, or holds several motions and the entry does not say which.
    """
    if entry.motion is not None:
        return entry.motion
    motions = read_human(entry.path, fps=fps, up=up)
    if entry.clip:
        motions = [motion for motion in motions if motion.name == entry.clip]
        if not motions:
            raise AthenaError(f"{entry.path}: holds no clip '{entry.clip}'; put its name right in the index")
    if len(motions) > 1:
        names = ", ".join(motion.name for motion in motions[:4])
        raise AthenaError(f"{entry.path}: holds {len(motions)} motions ({names}, ...); name one as 'clip' in {INDEX}")
    return motions[0]


def as_joints(motion: HumanMotion, where: str) -> np.ndarray:
    """The 22 joints (T, 22, 3) of a motion at 20 fps, m, z up.

    Raises:
        AthenaError: the skeleton lacks one of the joints, or the motion is too short.
    """
    missing = [name for name in JOINT_NAMES if name not in motion.joint_names]
    if missing:
        raise AthenaError(
            f"{where}: the skeleton has no joint {', '.join(missing[:5])}{', ...' if len(missing) > 5 else ''}; "
            "only skeletons with the 22 joints of the SMPL family are taken: convert the motion to SMPL first"
        )
    positions = motion.positions[:, [motion.joint_names.index(name) for name in JOINT_NAMES]]
    if motion.duration * FPS < 1.0 - 1e-6:
        raise AthenaError(f"{where}: lasts {motion.duration:.3f} s, too short for two frames at {FPS:g} fps")
    return joints_at_rate(positions, motion.fps, FPS)


def _draw(prompt: Prompt, seed: int, count: int) -> int:
    return noise_source(prompt.id, seed).initial_seed() % count


def _index_path(folder: Path, index: str) -> Path:
    """Where the index is, or would be."""
    if not folder.is_dir():
        raise AthenaError(f"folder: {folder}: is no folder; name one with motions")
    path = Path(index) if index else folder / INDEX
    if index and not path.is_file():
        raise AthenaError(f"index: {path}: no such file; write it, or leave index out")
    return path


def _of_index(path: Path, folder: Path) -> list[Entry]:
    entries = []
    try:
        # Not splitlines(): a text may hold U+2028, U+2029 or U+0085, which JSON leaves as they are.
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise AthenaError(f"{path}: cannot be read as UTF-8 text ({error}); write it again") from error
    root = folder.resolve()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{path}: line {number}"
        content = _line(line, where)
        file = (root / content["file"]).resolve()
        if not file.is_relative_to(root):
            raise AthenaError(f"{where}: file: '{content['file'][:80]}' leads out of the folder; name one inside it")
        if not file.is_file():
            raise AthenaError(f"{where}: file: {folder / content['file']}: no such file; put the line right")
        text = content.get("text") or _caption(file)
        entries.append(Entry(file, text, content.get("prompt", ""), content.get("clip", "")))
    return entries


def _line(line: str, where: str) -> dict[str, str]:
    remedy = 'a line is {"file": ..., "prompt": ..., "text": ..., "clip": ...}'
    try:
        content: Any = json.loads(line) if len(line) <= _LONGEST_LINE else None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise AthenaError(f"{where}: is no table in JSON; {remedy}")
    for key, value in content.items():
        if key not in _KEYS:
            raise AthenaError(f"{where}: key '{str(key)[:40]}' is unknown; {remedy}")
        if not isinstance(value, str):
            raise AthenaError(f"{where}: {key}: must be a text; {remedy}")
    if not content.get("file"):
        raise AthenaError(f"{where}: names no file; {remedy}")
    return content


def _of_files(folder: Path, fps: float | None, up: str | None) -> list[Entry]:
    extensions = human_extensions()
    entries = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix.lower() in extensions and recognise_human(path) is not None:
            motions = read_human(path, fps=fps, up=up)
            entries += [Entry(path, motion.text or _caption(path), motion=motion) for motion in motions]
    return entries


def _caption(path: Path) -> str:
    beside = path.with_suffix(".txt")
    if beside != path and beside.is_file():
        try:
            text = beside.read_text(encoding="utf-8").strip().splitlines()[0].split("#")[0].strip()
        except (OSError, UnicodeDecodeError, IndexError):
            text = ""
        if text:
            return text
    return path.stem.replace("_", " ").replace("-", " ")
