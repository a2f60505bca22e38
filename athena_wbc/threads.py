"""How many threads torch gets. Read before torch is imported, so this module imports nothing of it."""

from __future__ import annotations

import os

from athena_wbc.errors import AthenaError

VARIABLE = "ATHENA_TORCH_THREADS"


def prepare_threads() -> None:
    """Give OpenMP, and so torch, one thread, or as many as ``ATHENA_TORCH_THREADS`` says.

    The networks are small and the physics has threads of its own: with two spinning OpenMP threads on two
    busy cores an update takes more than ten times as long. A thread that waits sleeps instead of spinning.
    Values that the user has set in OpenMP's own variables stay. It acts only before torch is first imported.
    """
    text = os.environ.get(VARIABLE, "").strip() or os.environ.get("OMP_NUM_THREADS", "").strip() or "1"
    if not text.isdecimal() or int(text) < 1:
        name = VARIABLE if os.environ.get(VARIABLE, "").strip() else "OMP_NUM_THREADS"
        raise AthenaError(f"{name}: '{text}' is no number of threads; set it to 1 or more")
    os.environ["OMP_NUM_THREADS"] = text
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
