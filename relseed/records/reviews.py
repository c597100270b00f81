"""What people decided about accepted examples, as records."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from relseed.records.files import DataError, read_records


class Decision(BaseModel):
    """A line of `data/reviews/<method>.jsonl`: what a person decided about an accepted example."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1)
    decision: Literal["keep", "drop", "relabel"]
    label: str | None  # the right one, where it is relabelled
    note: str
    hash: str  # of the example as the person saw it: see `hash_of`

    @model_validator(mode="after")
    def _has_a_label_where_it_needs_one(self) -> "Decision":
        if (self.decision == "relabel") != bool(self.label):
            raise ValueError(f"the decision {self.decision} with the label {self.label}: relabel alone has a label")
        return self

    @property
    def words(self) -> str:
        """The decision as a sheet has it."""
        return f"relabel {self.label}" if self.label else self.decision


def reviews_of(folder: Path, method: str) -> Path:
    """The file of the decisions about a method's examples."""
    return folder / f"{method}.jsonl"


def read_decisions(path: Path) -> dict[str, Decision]:
    """Decisions by the id of the example; none where there is no such file.

    Raises:
        DataError: A line holds no decision, or there are two about one example.
    """
    decisions: dict[str, Decision] = {}
    for number, decision in read_records(path, Decision) if path.exists() else ():
        if decision.id in decisions:
            raise DataError(path, number, f"a second decision about {decision.id}: leave one of the two lines")
        decisions[decision.id] = decision
    return decisions


def hash_of(label: str, segments: Iterable[tuple[str, str | None, str | None]]) -> str:
    """What identifies an example as a person sees it, its label and the pieces of its text.

    The prefix keeps spreadsheets from reading digits, or digits with one `e` among them, as a number.
    """
    shown = json.dumps([label, *segments])
    return f"sha256:{hashlib.sha256(shown.encode()).hexdigest()[:12]}"
