"""The same work on many items, in one process or in several."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_PROGRESS_FROM = 50


def parallel_map(
    function: Callable[[Item], Result], items: Sequence[Item], jobs: int = 1, description: str = "working"
) -> list[Result]:
    """The results of a function in the order of the items; an error of one of them comes through as it is.

    Args:
        function: what can be pickled where there are several jobs: a function of a module, or a partial of one.
        jobs: processes. One works in this process.
        description: of the progress bar, which is shown on the standard error from 50 items on.
    """
    if jobs <= 1 or len(items) <= 1:
        return list(_with_progress(map(function, items), len(items), description))
    # A forked child would inherit the locks of torch's threads; a spawned one begins afresh.
    context = multiprocessing.get_context("spawn")
    chunk = max(1, min(16, len(items) // (4 * jobs)))
    with ProcessPoolExecutor(min(jobs, len(items)), mp_context=context) as pool:
        return list(_with_progress(pool.map(function, items, chunksize=chunk), len(items), description))


def _with_progress(results: Iterable[Result], total: int, description: str) -> Iterable[Result]:
    if total < _PROGRESS_FROM:
        return results
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    hidden = not console.is_terminal
    return track(results, description, total=total, console=console, transient=True, disable=hidden)
