"""Scores of criteria, as records."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class ScoredExample(BaseModel):
    """A line of `data/scores/<criterion>.jsonl`: an accepted example with what the criterion says of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    score: float = Field(ge=0, le=1)
    note: str | None = None  # for people, such as which label is more likely
    example: dict[str, Any]
