"""What the checks say of a method's drafts, and what became of all of them, summed up."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from relseed.generation.answers import Answer
from relseed.generation.counts import reject_table
from relseed.generation.pool import Pool, pool_of
from relseed.llm.client import Budget
from relseed.pipeline.outputs import output_file
from relseed.quality.diversity import Diversity, Embedded, diversity, embedded
from relseed.records.files import write_records
from relseed.tasks.relation import Sentence
from relseed.tasks.relation.rules import Judge
from relseed.tasks.relation.tags import rewritten, untag
from relseed.tasks.relation.written import Accepted, Draft, Rejected
from relseed.tracking.run import Run


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The accepted and the rejected of a method, in the order of its answers."""

    kept: list[Accepted]
    refused: list[Rejected]


def verdicts(answers: Sequence[Answer], judge: Judge) -> Verdicts:
    """Have every draft in `answers` judged."""
    judged = [judge.judge(draft) for answer in answers for draft in answer.drafts]
    return Verdicts(
        [one for one in judged if isinstance(one, Accepted)], [one for one in judged if isinstance(one, Rejected)]
    )


def summary_of(method: str, answers: Sequence[Answer], judged: Verdicts, budget: Budget) -> Pool:
    """Counts, cost and diversity of what a method had written."""
    drafts = [draft for answer in answers for draft in answer.drafts]
    return pool_of(answers, judged.kept, judged.refused, *_diversity(drafts, judged.kept, method), budget)


def put_away(judged: Verdicts, summary: Pool, log: Run, *, accepted: Path, rejected: Path, pool: Path) -> None:
    """Print what was rejected and why, log the counts, and write the three files."""
    print("\n".join(reject_table(judged.refused, len(judged.kept))))
    log.log_metrics(summary.model_dump(include={"drafts", "accepted", "rejected", "cost_per_accepted", "after"}))
    write_records(accepted, judged.kept)
    write_records(rejected, judged.refused)
    with output_file(pool) as partial:
        partial.write_text(summary.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _diversity(
    drafts: Sequence[Draft], kept: Sequence[Accepted], method: str
) -> tuple[dict[str, Diversity], dict[str, Diversity]]:
    """Of all drafts that mark two mentions, and of the accepted, by relation."""
    readable = dict(_readable(drafts))
    texts = [sentence.text for sentence in readable.values()]
    masked = [rewritten(sentence, "[MASK]", "[MASK]") for sentence in readable.values()]
    vectors = dict(zip(readable, embedded(texts, masked, f"embed drafts, {method}"), strict=True))
    every = _grouped((draft.relation, vectors[draft.id]) for draft in drafts if draft.id in vectors)
    accepted = _grouped((one.relation, vectors[one.id]) for one in kept)
    before = diversity(every)
    # Self-BLEU is slow, and often all drafts of a relation are accepted.
    after = diversity({label: pool for label, pool in accepted.items() if len(pool) < len(every[label])})
    after |= {label: before[label] for label in before if len(accepted.get(label, ())) == len(every[label])}
    return before, {label: after[label] for label in before if label in after}


def _readable(drafts: Iterable[Draft]) -> Iterator[tuple[str, Sentence]]:
    for draft in drafts:
        with suppress(ValueError):
            yield draft.id, untag(draft.text)


def _grouped(pairs: Iterable[tuple[str, Embedded]]) -> dict[str, list[Embedded]]:
    groups: dict[str, list[Embedded]] = {}
    for relation, one in pairs:
        groups.setdefault(relation, []).append(one)
    return groups
