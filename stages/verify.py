"""Check what the generator wrote, and keep what extractors that learnt from the seeds alone do not contradict.

Reads    data/candidates/<method>.jsonl; data/dataset/relations.jsonl; data/seeds/train.jsonl
Writes   data/accepted/<method>.jsonl; data/rejected/<method>.jsonl; results/pools/<method>.json: counts, cost,
         diversity
Alone    python -m stages.verify tuned data/candidates/tuned.jsonl data/dataset/relations.jsonl data/seeds/train.jsonl
         data/accepted/tuned.jsonl data/rejected/tuned.jsonl results/pools/tuned.json

The checks are those of `filter`. An interrupted run goes on where it was: its state lies in .scratch, as that of
`finetune`.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import Field, NonNegativeInt

from relseed.classifier.trainer import Recipe
from relseed.criteria.accuracy import cross_fitted
from relseed.generation.answers import Answer, read_answers
from relseed.generation.judging import Verdicts, put_away, summary_of, verdicts
from relseed.llm.client import Budget
from relseed.pipeline.command import run
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import section
from relseed.tasks.relation import Example, Schema, identity
from relseed.tasks.relation.files import read_examples, read_schema
from relseed.tasks.relation.rules import Checks, Judge
from relseed.tasks.relation.written import Accepted, Rejected
from relseed.tracking.run import tracked
from relseed.training.resume import locked, state_folder


class Verify(Recipe):
    """The judges, and what they must say."""

    threshold: float = Field(ge=0, le=1)  # least probability of the relation that was asked for
    folds: int = Field(ge=2)  # of the seeds: as many judges
    seed: NonNegativeInt

    def judges(self) -> Recipe:
        """How each judge is trained."""
        return Recipe.model_validate(self.model_dump(include=set(Recipe.model_fields)))


def main(
    method: str, candidates: Path, relations: Path, seeds: Path, accepted: Path, rejected: Path, pool: Path
) -> None:
    """Check, train the judges, let them judge, and write."""
    params, checks, budget = section(Verify), section(Checks), section(Budget)
    schema = read_schema(relations)
    examples = read_examples(seeds, schema)
    _check_folds(params, examples)
    scratches = [_scratch(params, fold, schema, examples) for fold in range(params.folds)]
    reads, writes = [candidates, relations, seeds], [accepted, rejected, pool]
    with (
        locked(scratches),
        tracked("verify", params={"method": method, **params.model_dump()}, reads=reads, writes=writes) as log,
    ):
        answers = read_answers(candidates)
        checked = verdicts(answers, Judge(schema, checks, examples))
        probabilities = cross_fitted(
            params.judges(),
            schema,
            examples,
            checked.kept,
            seed=params.seed,
            scratches=scratches,
            on_look=lambda fold, look: log.log_metrics({f"micro_f1/fold-{fold}": look.micro_f1}, step=look.update),
        )
        judged = _judged(answers, checked, probabilities, schema, params.threshold)
        summary = summary_of(method, answers, judged, budget)
        put_away(judged, summary, log, accepted=accepted, rejected=rejected, pool=pool)


def _check_folds(params: Verify, seeds: Sequence[Example]) -> None:
    label, fewest = min(Counter(seed.relation for seed in seeds).items(), key=lambda one: one[1])
    if fewest < params.folds:
        raise UserError(f"verify.folds is {params.folds}, {label} has {fewest} seeds: lower it, or draw more")


def _scratch(params: Verify, fold: int, schema: Schema, seeds: Sequence[Example]) -> Path:
    return state_folder(
        "verify",
        params.encoder,
        recipe=params.judges().model_dump(),
        folds=[params.folds, params.seed, fold],
        relations=schema.model_dump(),
        draw=identity(seeds),
    )


def _judged(
    answers: Sequence[Answer], checked: Verdicts, probabilities: np.ndarray, schema: Schema, threshold: float
) -> Verdicts:
    """What the checks let pass and the judges do not contradict, and all the others."""
    drafts = {draft.id: draft for answer in answers for draft in answer.drafts}
    kept: list[Accepted] = []
    refused = list(checked.refused)
    for one, row in zip(checked.kept, probabilities, strict=True):
        asked, likeliest = schema.labels.index(one.relation), int(row.argmax())
        if row[asked] >= threshold:
            kept.append(one)
            continue
        likely = f"{schema.labels[likeliest]} one of {row[likeliest]:.2f}"
        reason = f"{one.relation} has a probability of {row[asked]:.2f}, {likely}"
        refused.append(Rejected(draft=drafts[one.id], check="contradicted", reason=reason))
    return Verdicts(kept, refused)


if __name__ == "__main__":
    run(main)
