"""Have samples written by an LLM, with one method, until each relation has enough that pass the checks.

Reads    data/dataset/relations.jsonl; data/seeds/train.jsonl; where the engine is `batch`, its recorded answers
Writes   data/candidates/<method>.jsonl: each request, its completion verbatim, the drafts in it
Alone    python -m stages.generate all_at_once data/dataset/relations.jsonl data/seeds/train.jsonl
         data/candidates/all_at_once.jsonl

Every answer that an endpoint gives is in the request cache before the next step, so that a killed run goes on where it
was; with the engine `batch` its files are the record.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import cast, get_args

from stages.llm.teacher import Teacher, open_client
from stages.pipeline.command import run
from stages.pipeline.errors import UserError
from stages.pipeline.params import section
from stages.prompts.samples import Method
from stages.quality.checks import Checks, Judge
from stages.records.example import Example, Relation, Schema
from stages.records.files import read_examples, read_schema, write_records
from stages.tracking.run import tracked
from stages.writing.answers import Answer
from stages.writing.asking import Asking, Expected
from stages.writing.counts import reject_table
from stages.writing.writer import Generate, Writer


def main(method: str, relations: Path, seeds: Path, candidates: Path) -> None:
    """Ask, and write what came."""
    if method not in get_args(Method):
        raise UserError(f"no method {method!r}: there are {', '.join(get_args(Method))}")
    teacher, params = section(Teacher), section(Generate)
    schema = read_schema(relations)
    examples = read_examples(seeds, schema)
    judge = Judge(schema, section(Checks), examples)
    writers = [
        Writer(cast(Method, method), relation, judge, teacher, params)
        for relation in _to_write(schema, examples, params)
    ]
    with tracked(
        "generate",
        params={"method": method, **teacher.model_dump(), **params.model_dump()},
        reads=[relations, seeds],
        writes=[candidates],
    ) as log:
        answers = asyncio.run(_write(method, writers, params))
        drafts = sum(len(answer.drafts) for answer in answers)
        rejected = [one for writer in writers for one in writer.rejected]
        print("\n".join(reject_table(rejected, drafts - len(rejected))))
        log.log_metrics({"requests": len(answers), "drafts": drafts, "rejected": len(rejected)})
        write_records(candidates, answers)


def _to_write(schema: Schema, seeds: Sequence[Example], params: Generate) -> list[Relation]:
    """The relations to have samples of: those with seeds to show, the negative label only where it is wanted."""
    seeded = {seed.relation for seed in seeds}
    wanted = [relation for relation in schema.relations if params.negatives or not relation.negative]
    for relation in wanted:
        if relation.relation not in seeded:
            print(f"no samples of {relation.relation} are asked for: it has no seeds to show")
    return [relation for relation in wanted if relation.relation in seeded]


async def _write(method: str, writers: list[Writer], params: Generate) -> list[Answer]:
    async with open_client(f"generate-{method}") as client:
        asking = Asking(client, f"generate, {method}", params.per_relation * len(writers))
        asking.announce(sum((writer.expected() for writer in writers), Expected(0, 0, 0)))
        return [answer for each in await asking.all([writer.write(asking) for writer in writers]) for answer in each]


if __name__ == "__main__":
    run(main)
