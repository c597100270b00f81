"""Put a paragraph about each entity beside the entity tuples: a user's own, or one that an LLM writes."""

import asyncio
from pathlib import Path

from relseed.generation.exchanges import Exchange
from relseed.llm.client import open_client
from relseed.llm.llm import LLM
from relseed.pipeline.command import run
from relseed.pipeline.params import Params
from relseed.records.files import write_records
from relseed.tasks.relation import TASK
from relseed.tasks.relation.entity_tuple import read_tuples
from relseed.tasks.task import read_schema
from relseed.tracking.run import tracked
from relseed.tuples.contexts import (
    METHOD,
    Contexts,
    Entity,
    entities_of,
    read_paragraphs,
    with_contexts,
    write_contexts,
    written_paragraphs,
)


def main(labels: Path, tuples: Path, contexts: Path, candidates: Path) -> None:
    """Read or ask, and write the tuples with their paragraphs."""
    params = Params.read()
    settings = params.section("contexts", Contexts)
    writes = [contexts, candidates]
    with tracked("contexts", params=settings.model_dump(mode="json"), reads=[labels, tuples], writes=writes) as log:
        schema = read_schema(labels, TASK)
        collected = read_tuples(tuples, schema)
        entities = entities_of(collected, schema)
        exchanges: list[Exchange] = []
        if params.value(f"llms.{settings.llm}") is None:
            paragraphs = read_paragraphs(settings.reads)
        else:
            exchanges = asyncio.run(_ask(entities, settings, params))
            paragraphs = written_paragraphs(exchanges)
        described = sum(each.key in paragraphs for each in entities)
        print(f"{described} of {len(entities)} entities have a paragraph")
        log.log_metrics({"entities": len(entities), "described": described})
        write_records(contexts, with_contexts(collected, paragraphs))
        write_records(candidates, exchanges)


async def _ask(entities: list[Entity], settings: Contexts, params: Params) -> list[Exchange]:
    llm = params.section(f"llms.{settings.llm}", LLM)
    async with open_client(llm, METHOD, settings.reads, params) as client:
        return await write_contexts(entities, settings, llm, client)


if __name__ == "__main__":
    run(main)
