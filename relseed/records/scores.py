"""Scores of criteria, and ranks that are made of them, as records."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

BLEND = "blend"  # the method of an example that is made of the best candidates about a tuple


class ScoredExample(BaseModel):
    """A line of `data/scores/<criterion>.jsonl`: an accepted example with what the criterion says of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    score: float = Field(ge=0, le=1)
    note: str | None = None  # for people, such as which label is more likely
    example: dict[str, Any]


class RankedExample(BaseModel):
    """A line of `data/ranked/<ranking>.jsonl`: an accepted example among those about the same entity tuple."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tuple: str
    rank: PositiveInt | None  # 1 is the best; None: it does not count, as it does not pass the gate or is worse blended
    index: float | None = Field(ge=0, le=1)
    scores: dict[str, float]  # by criterion
    example: dict[str, Any]
