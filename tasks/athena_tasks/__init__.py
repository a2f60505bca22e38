"""Task ids: which robot a name such as ``Athena-Tracking-G1-v0`` stands for.

Every registered robot has two: ``Athena-Tracking-<Robot>-v0`` to train and evaluate, and
``Athena-Tracking-<Robot>-Play-v0`` to look at, without randomisation. Nothing here imports a simulator.
"""

from __future__ import annotations

from dataclasses import dataclass

from athena_wbc.embodiment import embodiment_names
from athena_wbc.errors import AthenaError, suggest


@dataclass(frozen=True)
class TaskEntry:
    """What a task id stands for."""

    task_id: str
    robot: str
    """Name of a registered robot."""
    play: bool
    """Whether it is for looking at: no randomisation and no noise."""


def task_entries() -> dict[str, TaskEntry]:
    """Return every task id of the robots that are registered now, sorted by robot."""
    entries = {}
    for robot in embodiment_names():
        title = robot[:1].upper() + robot[1:]
        for play in (False, True):
            task_id = f"Athena-Tracking-{title}-{'Play-' if play else ''}v0"
            entries[task_id] = TaskEntry(task_id, robot, play)
    return entries


def find_task(task_id: str) -> TaskEntry:
    """Return the task of an id; an unknown one is an :class:`AthenaError` with the nearest known id."""
    entries = task_entries()
    if task_id not in entries:
        raise AthenaError(f"task: {suggest(task_id, entries)}")
    return entries[task_id]
