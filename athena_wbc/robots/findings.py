"""What the doctor finds: a check, its number, its bar and what to do."""

from __future__ import annotations

import dataclasses
import math

PASS, WARN, FAIL = "PASS", "WARN", "FAIL"


@dataclasses.dataclass(frozen=True)
class Finding:
    """The outcome of one check."""

    check: str
    status: str
    """PASS, WARN or FAIL."""
    value: float | None
    """The number that was judged; None where the check could not be made."""
    unit: str
    bar: str
    """What the number is held to, as text."""
    detail: str
    """What was found, in words."""
    remedy: str = ""
    """What to do; empty for a PASS."""


def judge(
    check: str,
    value: float,
    unit: str,
    warn: float,
    fail: float,
    detail: str,
    remedy: str,
) -> Finding:
    """A finding that is worse the greater its value is; where `warn` > `fail`, the smaller it is.

    A value on a bar is on its good side; an infinite `fail` never fails; a value that is no number does.
    """
    above = fail >= warn
    sign = 1.0 if above else -1.0
    if not sign * value <= sign * fail:
        status = FAIL
    elif not sign * value <= sign * warn:
        status = WARN
    else:
        status = PASS
    word = "at most" if above else "at least"
    bar = f"{word} {warn:g}"
    if warn != fail and math.isfinite(fail):
        bar += f", fails {'above' if above else 'below'} {fail:g}"
    return Finding(check, status, float(value), unit, bar, detail, "" if status == PASS else remedy)


def verdict(findings: list[Finding]) -> str:
    """The worst status of all."""
    statuses = {finding.status for finding in findings}
    return FAIL if FAIL in statuses else WARN if WARN in statuses else PASS
