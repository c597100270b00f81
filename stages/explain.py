"""Have an LLM explain each seed: why does this head have this relation to this tail in this sentence?

Reads    data/dataset/relations.jsonl; data/seeds/train.jsonl; where the engine is `batch`, its recorded answers
Writes   data/explanations.jsonl; data/unexplained.jsonl (rejected); data/candidates/explain.jsonl (completions)
Alone    python -m stages.explain data/dataset/relations.jsonl data/seeds/train.jsonl
         data/explanations.jsonl data/unexplained.jsonl data/candidates/explain.jsonl
"""

import asyncio
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from pydantic import PositiveInt

from relseed.generation.answers import Answer
from relseed.generation.asking import Asking, Expected
from relseed.generation.counts import reject_table, usage_of
from relseed.llm.client import Budget
from relseed.llm.request import Request
from relseed.llm.teacher import Teacher, open_client
from relseed.pipeline.command import run
from relseed.pipeline.params import Section, section
from relseed.records.files import write_records
from relseed.tasks.relation.explanation import Explaining
from relseed.tasks.relation.files import read_examples, read_schema
from relseed.tasks.relation.written import Explanation, Rejected
from relseed.tracking.run import tracked


class Explain(Section):
    """How often and how long an LLM may explain a seed."""

    attempts: PositiveInt  # at one seed, until an explanation passes its checks
    max_tokens: PositiveInt  # of an answer


def main(relations: Path, seeds: Path, explanations: Path, rejected: Path, candidates: Path) -> None:
    """Ask about each seed, check, and write."""
    teacher, params = section(Teacher), section(Explain)
    schema = read_schema(relations)
    tasks = [Explaining(schema, seed) for seed in read_examples(seeds, schema)]
    with tracked(
        "explain",
        params={**teacher.model_dump(), **params.model_dump()},
        reads=[relations, seeds],
        writes=[explanations, rejected, candidates],
    ) as log:
        told = asyncio.run(_explain(tasks, teacher, params))
        outcomes = [outcome for one in told for outcome in one.outcomes]
        kept = [outcome for outcome in outcomes if isinstance(outcome, Explanation)]
        refused = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
        answers = [answer for one in told for answer in one.answers]
        usage = {name: value for name, value in asdict(usage_of(answers, section(Budget))).items() if value is not None}
        log.log_metrics({"explained": len(kept), "rejected": len(refused), **usage})
        print("\n".join(reject_table(refused, len(kept))))
        write_records(explanations, kept)
        write_records(rejected, refused)
        write_records(candidates, answers)


@dataclass
class Told:
    """All that was said about one seed."""

    answers: list[Answer] = field(default_factory=list)
    outcomes: list[Explanation | Rejected] = field(default_factory=list)


async def _explain(tasks: list[Explaining], teacher: Teacher, params: Explain) -> list[Told]:
    async with open_client("explain", teacher) as client:
        asking = Asking(client, "explain", len(tasks))
        asking.announce(Expected.of([_request(task, 0, teacher, params)[1] for task in tasks]))
        return await asking.all([_tell(task, asking, teacher, params) for task in tasks])


async def _tell(task: Explaining, asking: Asking, teacher: Teacher, params: Explain) -> Told:
    """Ask about one seed until an explanation passes, or the attempts are used up."""
    told = Told()
    for attempt in range(params.attempts):
        id, request = _request(task, attempt, teacher, params)
        told.answers.append(await asking.ask(id, request, partial(task.parse, id)))
        told.outcomes += map(task.judge, told.answers[-1].drafts)
        if any(isinstance(outcome, Explanation) for outcome in told.outcomes):
            asking.accept(1)
            break
    return told


def _request(task: Explaining, attempt: int, teacher: Teacher, params: Explain) -> tuple[str, Request]:
    id = f"{task.id}/{attempt}"
    return id, teacher.request(id, task.messages(), task.answer(), params.max_tokens)


if __name__ == "__main__":
    run(main)
