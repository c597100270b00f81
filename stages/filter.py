"""Check what a method had written, sentence by sentence, and keep every rejected one with its reason.

Reads    data/candidates/<method>.jsonl; data/dataset/relations.jsonl; data/seeds/train.jsonl
Writes   data/accepted/<method>.jsonl; data/rejected/<method>.jsonl; results/pools/<method>.json: counts, cost,
         diversity
Alone    python -m stages.filter all_at_once data/candidates/all_at_once.jsonl data/dataset/relations.jsonl
         data/seeds/train.jsonl data/accepted/all_at_once.jsonl data/rejected/all_at_once.jsonl
         results/pools/all_at_once.json
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from stages.llm.client import Budget
from stages.pipeline.command import run
from stages.pipeline.outputs import output_file
from stages.pipeline.params import section
from stages.quality.checks import Checks, Judge
from stages.quality.diversity import Diversity, Embedded, diversity, embedded
from stages.records.example import Sentence
from stages.records.files import read_examples, read_schema, write_records
from stages.records.spans import untag
from stages.records.written import Accepted, Draft, Rejected
from stages.tracking.run import tracked
from stages.writing.answers import read_answers
from stages.writing.counts import reject_table
from stages.writing.pool import pool_of


def main(
    method: str, candidates: Path, relations: Path, seeds: Path, accepted: Path, rejected: Path, pool: Path
) -> None:
    """Judge, count, measure, and write."""
    checks, budget = section(Checks), section(Budget)
    schema = read_schema(relations)
    reads, writes = [candidates, relations, seeds], [accepted, rejected, pool]
    with tracked("filter", params={"method": method, **checks.model_dump()}, reads=reads, writes=writes) as log:
        answers = read_answers(candidates)
        drafts = [draft for answer in answers for draft in answer.drafts]
        judged = list(map(Judge(schema, checks, read_examples(seeds, schema)).judge, drafts))
        kept = [one for one in judged if isinstance(one, Accepted)]
        refused = [one for one in judged if isinstance(one, Rejected)]
        print("\n".join(reject_table(refused, len(kept))))
        summary = pool_of(answers, kept, refused, *_diversity(drafts, kept, method), budget)
        log.log_metrics(summary.model_dump(include={"drafts", "accepted", "rejected", "cost_per_accepted", "after"}))
        write_records(accepted, kept)
        write_records(rejected, refused)
        with output_file(pool) as partial:
            partial.write_text(summary.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _diversity(
    drafts: Sequence[Draft], kept: Sequence[Accepted], method: str
) -> tuple[dict[str, Diversity], dict[str, Diversity]]:
    """Of all drafts that mark two mentions, and of the accepted, by relation."""
    readable = dict(_readable(drafts))
    vectors = dict(zip(readable, embedded(list(readable.values()), f"embed drafts, {method}"), strict=True))
    before = diversity(_grouped((draft.relation, vectors[draft.id]) for draft in drafts if draft.id in vectors))
    after = diversity(_grouped((one.relation, vectors[one.id]) for one in kept))
    return before, after


def _readable(drafts: Iterable[Draft]) -> Iterator[tuple[str, Sentence]]:
    for draft in drafts:
        with suppress(ValueError):
            yield draft.id, untag(draft.text)


def _grouped(pairs: Iterable[tuple[str, Embedded]]) -> dict[str, list[Embedded]]:
    groups: dict[str, list[Embedded]] = {}
    for relation, one in pairs:
        groups.setdefault(relation, []).append(one)
    return groups


if __name__ == "__main__":
    run(main)
