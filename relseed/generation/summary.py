"""What became of one method's writing: `results/measured/methods/<method>.json`, which `filter` writes."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from relseed.quality.diversity import Diversity, balance
from relseed.records.files import read_output


class MethodSummary(BaseModel):
    """Counts, cost and diversity of what one method wrote."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: str
    skipped: str | None = None  # why nothing was asked
    model: str  # that answered; empty where examples were made by rule
    requests: int
    refused: int  # requests that the provider declined
    candidates: int
    accepted: int
    rejected: dict[str, int]  # by rule
    per_unit: dict[str, int]  # accepted, of each unit: a label, or what else was asked for at a time
    per_label: dict[str, int]  # accepted, of each label of the schema
    prompt_tokens: int | None  # None where an engine did not count them
    completion_tokens: int | None
    cost: float | None  # None without prices or counts
    cost_per_accepted: float | None
    # Diversity of a unit with more than 1,000 sentences is that of 1,000 of them, drawn at random.
    before: Diversity | None  # of all candidates that can be read; means over units
    after: Diversity | None  # of the accepted
    vendi_before: dict[str, float]  # of the candidates, by unit
    vendi: dict[str, float]  # of the accepted

    @property
    def label_balance(self) -> float | None:
        """The entropy of the accepted examples' labels, as a share of what it is if all are as frequent, 0 to 1."""
        return balance(self.per_label.values(), len(self.per_label)) if any(self.per_label.values()) else None


def read_summary(path: Path) -> MethodSummary:
    """Read what `filter` summed up of a method.

    Raises:
        DataError: The file is missing, or is not what `filter` writes now.
    """
    return read_output(path, MethodSummary, stage=f"filter@{path.stem}")
