"""Have samples written by an LLM, with one method, until each relation has enough that pass the checks.

Reads    data/dataset/relations.jsonl; data/seeds/train.jsonl; where the engine is `batch`, its recorded answers
Writes   data/candidates/<method>.jsonl: each request, its completion verbatim, the drafts in it
Alone    python -m stages.generate all_at_once data/dataset/relations.jsonl data/seeds/train.jsonl
         data/candidates/all_at_once.jsonl

Every answer that an endpoint gives is in the request cache before the next step, so that a killed run goes on where it
was; with the engine `batch` its files are the record.
"""

import asyncio
from pathlib import Path
from typing import cast, get_args

from relseed.generation.writer import Generate, Writer, put_away, to_write, written_by
from relseed.llm.teacher import Teacher
from relseed.pipeline.command import run
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import section
from relseed.tasks.relation.files import read_examples, read_schema
from relseed.tasks.relation.rules import Checks, Judge
from relseed.tasks.relation.samples import Manner
from relseed.tracking.run import tracked


def main(method: str, relations: Path, seeds: Path, candidates: Path) -> None:
    """Ask, and write what came."""
    if method not in get_args(Manner):
        raise UserError(f"no method {method!r}: there are {', '.join(get_args(Manner))}")
    teacher, params = section(Teacher), section(Generate)
    schema = read_schema(relations)
    examples = read_examples(seeds, schema)
    judge = Judge(schema, section(Checks), examples)
    writers = [
        Writer(method, cast(Manner, method), relation, judge, teacher, params)
        for relation in to_write(schema, examples, params)
    ]
    with tracked(
        "generate",
        params={"method": method, **teacher.model_dump(), **params.model_dump()},
        reads=[relations, seeds],
        writes=[candidates],
    ) as log:
        answers = asyncio.run(written_by(writers, teacher, f"generate-{method}", f"generate, {method}"))
        put_away(answers, writers, log, candidates)


if __name__ == "__main__":
    run(main)
