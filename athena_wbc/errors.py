"""The one exception that stands for a mistake of the user."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_MOST_NAMES = 16


class AthenaError(Exception):
    """A mistake of the user: bad input, a missing file, an unknown key.

    The message is a single line that names the file or key, says what is wrong and how to put it right. The
    command line prints it as ``athena: error: ...`` and leaves with code 2; anything else that escapes is a
    bug and shows its traceback.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(str(message).split()))


def suggest(name: str, known: Iterable[str]) -> str:
    """Describe an unknown name: the nearest known one, and what is known.

    Returns a fragment such as ``unknown 'wve'; did you mean 'wave'? (known: march, wave)``. A long list of
    known names is cut, nearest names first.
    """
    names = sorted(set(map(str, known)))
    if not names:
        return f"unknown '{name}' (none is known)"
    folded = {candidate.casefold(): candidate for candidate in names}
    near = [folded[match] for match in difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.5)]
    if not near:
        near = [candidate for candidate in names if name and name.casefold() in candidate.casefold()][:3]
    hint = f"; did you mean '{near[0]}'?" if near else ""
    if len(names) <= _MOST_NAMES:
        listed = ", ".join(names)
    else:
        shown = near + [candidate for candidate in names if candidate not in near]
        listed = ", ".join(shown[:_MOST_NAMES]) + f", ... {len(names)} in all"
    return f"unknown '{name}'{hint} (known: {listed})"
