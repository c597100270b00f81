"""What became of a ranking: `results/measured/rankings/<ranking>.json`, which `rank` writes."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from relseed.records.files import read_output


class MethodRanks(BaseModel):
    """How the candidates of one method came off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    candidates: int  # that pass the gate
    first: int  # tuples of which its candidate is the best
    index: float | None  # mean
    scores: dict[str, float]  # mean, by criterion


class BlendRanks(BaseModel):
    """What became of blends."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    asked: int  # tuples
    passed: int  # the rules
    taken: int  # in place of the best candidate
    # Mean difference to the best candidate by criterion: of blends that were taken, and of those that were not.
    gain: dict[str, float]
    loss: dict[str, float]


class RankingSummary(BaseModel):
    """Tuples, methods and blends of one ranking."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ranking: str
    tuples: int
    unranked: int  # tuples none of whose candidates counts
    methods: dict[str, MethodRanks]
    correlations: dict[str, float]  # Spearman's, between criteria over all candidates, by "a, b"
    blends: BlendRanks | None


def read_ranking(path: Path) -> RankingSummary:
    """Read what `rank` summed up.

    Raises:
        DataError: The file is missing, or is not what `rank` writes now.
    """
    return read_output(path, RankingSummary, stage=f"rank@{path.stem}")
