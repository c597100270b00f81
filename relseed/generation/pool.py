"""What became of one method's writing: `results/pools/<method>.json`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from relseed.generation.answers import Answer
from relseed.generation.counts import usage_of
from relseed.llm.client import Budget
from relseed.quality.diversity import Diversity, mean
from relseed.records.files import Record, read_output, read_records
from relseed.tasks.relation.written import Accepted, Rejected


class Pool(BaseModel):
    """Counts, cost and diversity of what one method had written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: str
    model: str
    requests: int
    refused: int  # requests that the engine refused
    drafts: int
    accepted: int
    rejected: dict[str, int]  # by check
    per_relation: dict[str, int]  # accepted, of each relation that was asked for
    prompt_tokens: int | None  # None where an engine did not count them
    completion_tokens: int | None
    cost: float | None  # None without prices or counts
    cost_per_accepted: float | None
    before: Diversity | None  # of all drafts that mark two mentions; means over relations
    after: Diversity | None  # of the accepted
    vendi_before: dict[str, float]  # of the drafts, by relation
    vendi: dict[str, float]  # of the accepted


def pool_of(
    answers: Sequence[Answer],
    accepted: Sequence[Accepted],
    rejected: Sequence[Rejected],
    before: Mapping[str, Diversity],
    after: Mapping[str, Diversity],
    budget: Budget,
) -> Pool:
    """Sum up; `before` and `after` are the diversity by relation of all drafts and of the accepted."""
    completions = [answer.completion for answer in answers if answer.completion]
    usage = usage_of(answers, budget)
    return Pool(
        method=answers[0].id.partition("/")[0],
        model=", ".join(sorted({one.model for one in completions})),
        requests=len(answers),
        refused=len(answers) - len(completions),
        drafts=len(accepted) + len(rejected),
        accepted=len(accepted),
        rejected=dict(Counter(one.check for one in rejected).most_common()),
        per_relation=dict.fromkeys((answer.relation for answer in answers), 0)
        | Counter(one.relation for one in accepted),
        **asdict(usage),
        cost_per_accepted=None if usage.cost is None or not accepted else usage.cost / len(accepted),
        before=mean(before),
        after=mean(after),
        vendi_before={relation: one.vendi for relation, one in before.items()},
        vendi={relation: one.vendi for relation, one in after.items()},
    )


def read_pool(path: Path) -> Pool:
    """Read what `filter` summed up of a method.

    Raises:
        DataError: The file is missing, or is not what `filter` writes now.
    """
    return read_output(path, Pool, stage=f"filter@{path.stem}")


def read_judged(path: Path, kind: type[Record]) -> list[Record]:
    """Read the sentences of a method that `filter` accepted or rejected.

    Raises:
        DataError: The file is missing, or a line does not hold such a sentence.
    """
    return [one for _, one in read_records(path, kind, cure=f"build it with `dvc repro filter@{path.stem}`")]
