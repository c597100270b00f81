"""Keep of what a weak generator wrote what extractors that learnt from the seeds alone do not contradict.

Reads    data/accepted/<method>.jsonl and results/pools/<method>.json; data/dataset/relations.jsonl;
         data/seeds/train.jsonl
Writes   <method>_verified: of data/accepted and data/rejected .jsonl, of results/pools .json
Alone    python -m stages.verify tuned data/accepted/tuned.jsonl results/pools/tuned.json data/dataset/relations.jsonl
         data/seeds/train.jsonl data/accepted/tuned_verified.jsonl data/rejected/tuned_verified.jsonl
         results/pools/tuned_verified.json

An interrupted run goes on where it was: its state lies in .scratch, as that of `finetune`.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import Field, NonNegativeInt

from stages import extractor, generator
from stages.extractor.scratch import reserved, scratch_folder
from stages.extractor.training import Recipe
from stages.generator.verifying import cross_fitted
from stages.pipeline.command import run
from stages.pipeline.errors import UserError
from stages.pipeline.outputs import output_file
from stages.pipeline.params import section
from stages.quality.diversity import diversity, embedded, mean
from stages.records.example import Example, Schema, identity
from stages.records.files import read_examples, read_schema, write_records
from stages.records.spans import tagged
from stages.records.written import Accepted, Draft, Rejected
from stages.tracking.run import tracked
from stages.writing.counts import reject_table
from stages.writing.pool import Pool, read_judged, read_pool


class Verify(Recipe):
    """The judges, and what they must say."""

    threshold: float = Field(ge=0, le=1)  # least probability of the relation that was asked for
    folds: int = Field(ge=2)  # of the seeds: as many judges
    seed: NonNegativeInt

    def judges(self) -> Recipe:
        """How each judge is trained."""
        return Recipe.model_validate(self.model_dump(include=set(Recipe.model_fields)))


def main(
    method: str, accepted: Path, before: Path, relations: Path, seeds: Path, kept: Path, rejected: Path, pool: Path
) -> None:
    """Train the judges, let them judge, and write."""
    params = section(Verify)
    schema = read_schema(relations)
    examples = read_examples(seeds, schema)
    written, checked = read_judged(accepted, Accepted), read_pool(before)
    _check_folds(params, examples)
    scratches = [_scratch(params, fold, schema, examples) for fold in range(params.folds)]
    reads = [accepted, relations, seeds]
    with (
        reserved(scratches),
        tracked(
            "verify", params={"method": method, **params.model_dump()}, reads=reads, writes=[kept, rejected, pool]
        ) as log,
    ):
        probabilities = cross_fitted(
            params.judges(),
            schema,
            examples,
            written,
            seed=params.seed,
            scratches=scratches,
            on_look=lambda fold, look: log.log_metrics({f"micro_f1/fold-{fold}": look.micro_f1}, step=look.update),
        )
        judged = [
            _judged(one, row, schema, params.threshold, pool.stem)
            for one, row in zip(written, probabilities, strict=True)
        ]
        passed = [one for one in judged if isinstance(one, Accepted)]
        refused = [one for one in judged if isinstance(one, Rejected)]
        print("\n".join(reject_table(refused, len(passed))))
        log.log_metrics({"passed": len(passed), "refused": len(refused)})
        write_records(kept, passed)
        write_records(rejected, refused)
        with output_file(pool) as partial:
            partial.write_text(
                _pool(pool.stem, checked, passed, refused).model_dump_json(indent=2) + "\n", encoding="utf-8"
            )


def _check_folds(params: Verify, seeds: Sequence[Example]) -> None:
    label, fewest = min(Counter(seed.relation for seed in seeds).items(), key=lambda one: one[1])
    if fewest < params.folds:
        raise UserError(f"verify.folds is {params.folds}, {label} has {fewest} seeds: lower it, or draw more")


def _scratch(params: Verify, fold: int, schema: Schema, seeds: Sequence[Example]) -> Path:
    code = [path for room in (extractor, generator) for path in Path(room.__path__[0]).glob("*.py")]
    determining = {
        "recipe": params.judges().model_dump(),
        "folds": [params.folds, params.seed, fold],
        "relations": schema.model_dump(),
        "draw": identity(seeds),
    }
    return scratch_folder(Path(__file__), code, params.encoder, determining)


def _judged(
    one: Accepted, probabilities: np.ndarray, schema: Schema, threshold: float, name: str
) -> Accepted | Rejected:
    asked, likeliest = schema.labels.index(one.relation), int(probabilities.argmax())
    if probabilities[asked] >= threshold:
        return one.model_copy(update={"method": name})
    draft = Draft(
        id=one.id,
        method=name,
        relation=one.relation,
        text=tagged(one),
        head_type=one.head.type,
        tail_type=one.tail.type,
    )
    reason = (
        f"{one.relation} has a probability of {probabilities[asked]:.2f}, {schema.labels[likeliest]} one of "
        f"{probabilities[likeliest]:.2f}"
    )
    return Rejected(draft=draft, check="contradicted", reason=reason)


def _pool(name: str, checked: Pool, passed: Sequence[Accepted], refused: Sequence[Rejected]) -> Pool:
    """The summary of what passed, with what its writing took."""
    vectors = dict(zip((one.id for one in passed), embedded(passed, "embed verified"), strict=True)) if passed else {}
    groups = {label: [vectors[one.id] for one in passed if one.relation == label] for label in checked.per_relation}
    after = diversity(groups)
    return checked.model_copy(
        update={
            "method": name,
            "drafts": len(passed) + len(refused),
            "accepted": len(passed),
            "rejected": {"contradicted": len(refused)} if refused else {},
            "per_relation": {label: len(group) for label, group in groups.items()},
            "cost_per_accepted": None if checked.cost is None or not passed else checked.cost / len(passed),
            "before": checked.after,
            "after": mean(after),
            "vendi_before": checked.vendi,
            "vendi": {label: one.vendi for label, one in after.items()},
        }
    )


if __name__ == "__main__":
    run(main)
