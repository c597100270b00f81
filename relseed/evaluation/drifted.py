"""What `drift` writes and `report` reads: how the examples of a method change by generation."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from relseed.records.files import read_output


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Distances(_Part):
    """How far some examples are from the real ones."""

    mmd: float  # unbiased squared maximum mean discrepancy (Gretton et al. 2012)
    auc: float | None  # of a classifier that tells the two apart, 0.5 to 1; None: too few
    topics: float  # Jensen-Shannon divergence of their topics, 0 to 1


class Generation(_Part):
    """Examples that as many were written before, one after another."""

    number: int
    examples: int
    real: Distances  # to the training split
    first: float | None  # the squared discrepancy to the first generation; None for that one
    label_balance: float  # the entropy of the labels, as a share of the most possible
    copies: float  # share that nearly repeats an example that it comes from
    distance: float | None  # mean cosine distance of two of them, names masked


class Slope(_Part):
    """The change from one generation to the next, of those with 8 examples or more, with its 95 % interval."""

    value: float
    low: float
    high: float


class Drifted(_Part):
    """What `drift` writes of a method."""

    method: str
    generations: tuple[Generation, ...]
    floor: Distances  # of one half of the real examples to the other, means over splits
    ceiling: Distances  # of another domain to the real examples
    slopes: dict[str, Slope]  # by figure


def read_drift(path: Path) -> Drifted:
    """Read what `drift` measured.

    Raises:
        DataError: The file is missing, or is not what `drift` writes now.
    """
    return read_output(path, Drifted, stage=f"drift@{path.stem}")
