"""Frozen teachers, and which of them labels which motion (paper eq. 14 to 16).

A run keeps a copy of its teachers in ``RUN/teachers/NAME.pt``: what its student learnt from stays with it, whatever
becomes of the teachers' own runs, and ``--resume`` needs nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rsl_rl.env import VecEnv
from tensordict import TensorDict

from athena_wbc import __version__
from athena_wbc.errors import AthenaError, suggest
from athena_wbc.learning.checkpoint import Policy, build_policy, load_checkpoint, save_checkpoint

FOLDER = "teachers"

_KEPT = ("version", "library", "iteration", "robot", "schema", "action", "config", "run")


class TeacherBank:
    """Frozen policies, evaluated together: every state by the one teacher that its route names.

    Args:
        teachers: name -> policy. Their networks may differ in size and inputs.
        num_actions: A.
        device: of the policies.
    """

    def __init__(self, teachers: Mapping[str, Policy], num_actions: int, device: str | torch.device = "cpu") -> None:
        self.names = tuple(teachers)
        self._teachers = tuple(teachers.values())
        self._num_actions, self._device = num_actions, torch.device(device)

    @classmethod
    def for_env(
        cls,
        teachers: Mapping[str, tuple[str, Mapping[str, Any]]],
        env: VecEnv,
        device: str | torch.device | None = None,
    ) -> TeacherBank:
        """Build a bank from checkpoints: name -> (where it came from, contents).

        Raises:
            AthenaError: a teacher of another robot, with other actions or another control rate than ``env``'s, or
                with observations that ``env`` does not give.
        """
        device = device or env.device
        policies = {name: build_policy(contents, env, source, device) for name, (source, contents) in teachers.items()}
        return cls(policies, env.num_actions, device)

    @torch.no_grad()
    def __call__(self, observations: TensorDict, route: torch.Tensor) -> torch.Tensor:
        """Return the action means (N, A) of the teachers that ``route`` (N,) int64 names by their index.

        States are sorted by route, so that each teacher makes one pass over its own and no state is evaluated twice.
        """
        if len(self._teachers) == 1:
            return self._teachers[0](observations)
        means = torch.empty(len(route), self._num_actions, device=self._device)
        counts = torch.bincount(route, minlength=len(self._teachers)).tolist()
        for teacher, rows in zip(self._teachers, route.argsort().split(counts), strict=True):
            if len(rows):
                means[rows] = teacher(observations.select(*teacher.groups)[rows])
        return means


class RoutedTeachers:
    """A bank of teachers over a corpus: each environment asks the teacher of the clip that it tracks.

    Args:
        bank: the teachers.
        route_of_clip: (M,) int64, index of the teacher of every clip of the corpus.
        env: an environment with ``task.clip`` (N,), the clip of each environment's present state.
    """

    def __init__(self, bank: TeacherBank, route_of_clip: torch.Tensor, env: VecEnv) -> None:
        self.names = bank.names
        self._bank, self._route_of_clip, self._env = bank, route_of_clip, env

    def __call__(self, observations: TensorDict) -> tuple[torch.Tensor, torch.Tensor]:
        """Label the environment's present states: action means (N, A), and the routes (N,) that they came from."""
        route = self._route_of_clip[self._env.task.clip.to(self._route_of_clip.device)]
        return self._bank(observations, route), route


def route_indices(
    routes: Mapping[str, str] | None, clips: Sequence[str], teachers: Sequence[str], source: str
) -> torch.Tensor:
    """Turn a routing table into the teacher's index for every clip, (M,) int64.

    Args:
        routes: clip -> teacher, a route for every clip; ``None`` where a single teacher labels everything.
        clips: names of the corpus, M.
        teachers: names in the order of their indices.
        source: where the routes came from, for the message.

    Raises:
        AthenaError: an unknown clip or teacher, a clip without a route, or several teachers without routes.
    """
    if routes is None:
        if len(teachers) > 1:
            raise AthenaError(
                f"{source}: {len(teachers)} teachers ({', '.join(teachers)}) need a table that says which of them "
                "labels which clip; give --routing FILE, or one --teacher"
            )
        return torch.zeros(len(clips), dtype=torch.long)
    index = {name: number for number, name in enumerate(teachers)}
    known = set(clips)
    for clip, teacher in routes.items():
        if clip not in known:
            raise AthenaError(
                f"{source}: routes: clip {suggest(clip, clips)}; route the motions that --motions names, no others"
            )
        if teacher not in index:
            raise AthenaError(f"{source}: routes.{clip}: teacher {suggest(teacher, teachers)}; give it with --teacher")
    missing = [clip for clip in clips if clip not in routes]
    if missing:
        raise AthenaError(
            f"{source}: routes: {len(missing)} clip(s) of the corpus have no teacher, the first is '{missing[0]}'; "
            "route the same motions again"
        )
    return torch.tensor([index[routes[clip]] for clip in clips], dtype=torch.long)


def read_routes(path: str | Path) -> dict[str, str]:
    """Read a routing table: JSON with the key ``routes``, a mapping of clip names to teacher names.

    Raises:
        AthenaError: no such file, no JSON, no such mapping in it, or the table says that another version of the
            library wrote it.
    """
    return _read_routing(path)["routes"]


def check_routed_clips(path: str | Path, corpus_hash: str) -> None:
    """Refuse a routing table that says that it was made for other clips, be it of the same names.

    Args:
        path: of the table; one that was written by hand need not say it.
        corpus_hash: of the clips, :attr:`~athena_wbc.motion.library.MotionLibrary.hash`.
    """
    if _read_routing(path).get("corpus_hash", corpus_hash) != corpus_hash:
        raise AthenaError(
            f"{path}: corpus_hash: the motions are not the clips that were routed, or in another order; "
            "give the same motions, or route them with athena route"
        )


def _read_routing(path: str | Path) -> dict[str, Any]:
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise AthenaError(f"{path}: cannot be read ({error}); name a routing.json with --routing") from error
    except json.JSONDecodeError as error:
        raise AthenaError(f"{path}: line {error.lineno}: no JSON: {error.msg}; route again") from error
    routes = content.get("routes") if isinstance(content, dict) else None
    if not isinstance(routes, dict) or not all(isinstance(teacher, str) for teacher in routes.values()):
        raise AthenaError(f"{path}: routes: must map names of clips to names of teachers; name a routing.json")
    version = content.get("library_version", __version__)
    if version != __version__:
        raise AthenaError(
            f"{path}: library_version: was written by athena_wbc {version}, this is {__version__}; "
            "route again with athena route"
        )
    return content


def digest(contents: Mapping[str, Any]) -> str:
    """Return a hash of what a policy does: weights, normaliser, robot, actions and observations."""
    facts = {key: contents[key] for key in ("robot", "schema", "action")} | {"ppo": contents["config"]["ppo"]}
    result = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name, value in sorted(contents["algorithm"]["actor_state_dict"].items()):
        result.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        result.update(value.cpu().contiguous().numpy().tobytes())
    return result.hexdigest()[:16]


def read_teachers(sources: Mapping[str, str | Path]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Read checkpoints (or runs' newest ones) by name: name -> (path, what a frozen policy needs of it)."""
    teachers = {}
    for name, source in sources.items():
        contents = load_checkpoint(source)
        kept = {key: contents[key] for key in _KEPT if key in contents}
        kept["algorithm"] = {"actor_state_dict": contents["algorithm"]["actor_state_dict"]}
        teachers[name] = (str(source), kept)
    return teachers


def describe(teachers: Mapping[str, tuple[str, Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Return what a run records of its teachers: name -> source, iteration and digest."""
    return {
        name: {"source": source, "iteration": contents["iteration"], "digest": digest(contents)}
        for name, (source, contents) in teachers.items()
    }


def keep_teachers(run_dir: Path, teachers: Mapping[str, tuple[str, Mapping[str, Any]]]) -> None:
    """Write the run's own copies of its teachers."""
    for name, (_, contents) in teachers.items():
        save_checkpoint(_copy(run_dir, name), contents)


def kept_teachers(run_dir: Path, record: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Read the copies that :func:`keep_teachers` wrote, and compare them with the run's record.

    Raises:
        AthenaError: a copy is gone, damaged or another policy.
    """
    teachers = read_teachers({name: _copy(run_dir, name) for name in record})
    for name, (source, contents) in teachers.items():
        if digest(contents) != record[name]["digest"]:
            raise AthenaError(f"{source}: is not the teacher '{name}' that the run was started with; bring it back")
    return teachers


def check_names(names: Iterable[str]) -> None:
    """Refuse names of teachers that cannot name a file."""
    for name in names:
        if not name or not all(letter.isalnum() or letter in "._-" for letter in name) or name.startswith("."):
            raise AthenaError(f"--teacher: '{name}': a name is made of letters, digits, '_', '-' and '.'")


def _copy(run_dir: Path, name: str) -> Path:
    return run_dir / FOLDER / f"{name}.pt"
