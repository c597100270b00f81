"""Take the written sentences that a system trains on from what the checks accepted.

Reads    data/accepted, results/pools: of these folders <method>.jsonl and <method>.json of the system's methods;
         data/dataset/relations.jsonl
Writes   data/synthetic/<system>.jsonl; data/synthetic/<system>.md, its data card
Alone    python -m stages.select unleash data/accepted results/pools data/dataset/relations.jsonl
         data/synthetic/unleash.jsonl data/synthetic/unleash.md
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice, zip_longest
from pathlib import Path

from relseed.generation.card import card_of
from relseed.generation.mixture import Mixture, mixture
from relseed.generation.pool import Pool, read_judged, read_pool
from relseed.llm.teacher import Teacher
from relseed.pipeline.command import run
from relseed.pipeline.outputs import output_file
from relseed.pipeline.params import section
from relseed.quality.duplicates import Index
from relseed.records.files import write_records
from relseed.tasks.relation import Schema
from relseed.tasks.relation.files import read_schema
from relseed.tasks.relation.rules import Checks
from relseed.tasks.relation.written import Accepted
from relseed.tracking.run import tracked


def main(system: str, accepted: Path, pools: Path, relations: Path, synthetic: Path, card: Path) -> None:
    """Take, and write the data and its card."""
    params, teacher, checks = mixture(system), section(Teacher), section(Checks)
    texts = [accepted / f"{method}.jsonl" for method in params.methods]
    summaries = [pools / f"{method}.json" for method in params.methods]
    reads, writes = [*texts, *summaries, relations], [synthetic, card]
    with tracked("select", params=params.model_dump(), reads=reads, writes=writes, system=system) as log:
        schema = read_schema(relations)
        written = [read_pool(path) for path in summaries]
        chosen = _choose([read_judged(path, Accepted) for path in texts], params, Index(checks.near_duplicate), schema)
        _say_shortages(chosen, params, written)
        log.log_metrics({"written": len(chosen)})
        write_records(synthetic, chosen)
        with output_file(card) as partial:
            described = card_of(system, synthetic, chosen, written, teacher, checks)
            partial.write_text(described.strip() + "\n", encoding="utf-8")


def _choose(pools: Sequence[Sequence[Accepted]], params: Mixture, known: Index, schema: Schema) -> list[Accepted]:
    """Sentences of each relation, of methods and answers in turn, in the order of schema and pools; alike ones once."""
    place = {one.id: place for place, one in enumerate(one for pool in pools for one in pool)}
    return [
        one
        for label in schema.labels
        for one in sorted(
            islice(_new(_in_turn([_of(label, pool) for pool in pools]), known), params.per_relation),
            key=lambda one: place[one.id],
        )
    ]


def _of(label: str, pool: Sequence[Accepted]) -> list[Accepted]:
    """The sentences of a relation: the first of each answer, then the second of each.

    An answer to `all_at_once` holds negatives of one kind: the first answer alone would leave out the others.
    """
    answers: dict[str, list[Accepted]] = {}
    for one in pool:
        if one.relation == label:
            answers.setdefault(one.id.rpartition("/")[0], []).append(one)
    return _in_turn(answers.values())


def _in_turn(lists: Collection[Sequence[Accepted]]) -> list[Accepted]:
    """The first of each list, then the second of each."""
    return [one for turn in zip_longest(*lists) for one in turn if one is not None]


def _new(sentences: Iterable[Accepted], known: Index) -> Iterator[Accepted]:
    for one in sentences:
        if known.nearest(one.text) is None:
            known.add(one.text)
            yield one


def _say_shortages(chosen: Sequence[Accepted], params: Mixture, pools: Sequence[Pool]) -> None:
    counts = Counter(one.relation for one in chosen)
    print(f"{len(chosen)} written sentences of {len(counts)} relations")
    for label in dict.fromkeys(label for pool in pools for label in pool.per_relation):
        if counts[label] < params.per_relation:
            print(f"  {label}: {counts[label]} of {params.per_relation}, no more were accepted")


if __name__ == "__main__":
    run(main)
