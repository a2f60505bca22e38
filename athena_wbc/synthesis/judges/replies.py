"""What vision-language models answer, as schemas. Imports pydantic, so only judges that ask import this."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

_STRICT = pydantic.ConfigDict(extra="forbid")

Text = Annotated[str, pydantic.StringConstraints(strip_whitespace=True)]


class AlignmentReply(pydantic.BaseModel):
    """Whether the figure does what the sentence says."""

    model_config = _STRICT

    seen: Text
    """What the figure does, told before the comparison so that the sentence does not lead the eye."""
    alignment_score: Annotated[float, pydantic.Field(ge=0, le=100, allow_inf_nan=False)]
    verdict: Literal["aligned", "partial", "mismatch"]
    reason: Text


class Analysis(pydantic.BaseModel):
    """The five descriptors of `records.DESCRIPTORS`."""

    model_config = _STRICT

    action_sequence: Text
    technical_complexity: Text
    movement_intensity: Text
    balance_requirement: Text
    continuity: Text


class DifficultyReply(pydantic.BaseModel):
    """How hard it is to do what the figure does."""

    model_config = _STRICT

    action_name: Text
    analysis: Analysis
    difficulty: Annotated[int, pydantic.Field(ge=1, le=10)]
    reason: Text
