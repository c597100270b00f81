"""Rank what methods wrote about each entity tuple, and have the best blended: a blend stays where it ranks higher."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from relseed.generation.exchanges import Exchange
from relseed.generation.method import Method
from relseed.llm.client import open_client
from relseed.pipeline.command import Entry, run
from relseed.pipeline.outputs import output_file
from relseed.pipeline.params import Params
from relseed.ranking.blending import blend, blender, drafts_of, scored
from relseed.ranking.candidates import Candidates
from relseed.ranking.counting import Counting
from relseed.ranking.rank import rank
from relseed.ranking.settings import Ranking
from relseed.records.files import write_records
from relseed.records.scores import BLEND, RankedExample
from relseed.tasks.relation import TASK, Schema
from relseed.tasks.relation.entity_tuple import EntityTuple
from relseed.tasks.task import read_examples, read_schema
from relseed.tracking.run import tracked


def main(ranking: Entry, labels: Path, seeds: Path, ranked: Path, blends: Path, summary: Path) -> None:
    """Rank relation by relation, blend, rank again with the blends, and write."""
    params = Params.read()
    settings = params.section(f"rankings.{ranking}", Ranking)
    writes = [ranked / f"{ranking}.jsonl", blends / f"{ranking}.jsonl", summary / f"{ranking}.json"]
    reads = [labels, seeds, Path(settings.reads)]
    with (
        tracked("rank", params=settings.model_dump(mode="json"), reads=reads, writes=writes) as log,
        Candidates(settings) as candidates,
    ):
        schema = read_schema(labels, TASK)
        candidates.read(Path(settings.reads))
        exchanges: list[Exchange] = []
        asked = None
        if settings.blend is not None:
            method = blender(params, settings, schema, read_examples(seeds, TASK, schema))
            drafts = list(_drafts(candidates, schema, settings))
            exchanges, asked = asyncio.run(_blend(method, drafts, settings, params)), len(drafts)
            candidates.add(scored(exchanges, method, settings, params))
        counting = Counting(settings.criteria)
        write_records(writes[0], _ranked(candidates, schema, settings, counting))
        write_records(writes[1], exchanges)
        found = counting.summary(ranking, settings.methods, asked)
        with output_file(writes[2]) as partial:
            partial.write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")
        log.log_metrics({"tuples": found.tuples, "unranked": found.unranked})
        for name, each in found.methods.items():
            print(
                f"{name:<24} {each.candidates:>6} candidates, best of {each.first:>6} tuples, mean index {each.index}"
            )


def _drafts(candidates: Candidates, schema: Schema, settings: Ranking) -> Iterator[EntityTuple]:
    assert settings.blend is not None
    ranking = settings.of_drafts
    for label in schema.labels:
        found = [each for each in candidates.of(label) if each.method in ranking.methods]
        for order in rank(found, ranking):
            if (about := drafts_of(order, settings.blend.drafts)) is not None:
                yield about


async def _blend(method: Method, drafts: list[EntityTuple], settings: Ranking, params: Params) -> list[Exchange]:
    async with open_client(method.llm, f"rank-{BLEND}", Path(settings.recorded), params) as client:
        return list((await blend(method, drafts, client)).exchanges)


def _ranked(candidates: Candidates, schema: Schema, settings: Ranking, counting: Counting) -> Iterator[RankedExample]:
    for label in schema.labels:
        orders: Any = rank(candidates.of(label), settings)
        counting.add(orders)
        for order in orders:
            yield from order.records


if __name__ == "__main__":
    run(main)
