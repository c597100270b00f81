"""Build preference pairs for the generator from seeds and its own drafts, without any annotator (Li, Dai and Li 2025).

Reads    data/dataset/relations.jsonl; data/seeds/train.jsonl; data/accepted and data/rejected: <prefer.pool>.jsonl;
         data/candidates/untuned.jsonl: what the generator writes untuned, shown in prompts
Writes   data/preferences/base: one.jsonl and two.jsonl, the pairs of the two halves of the relations; halves.json
Alone    python -m stages.prefer data/dataset/relations.jsonl data/seeds/train.jsonl data/accepted data/rejected
         data/candidates/untuned.jsonl data/preferences/base
"""

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pydantic import NonNegativeInt, field_validator

from relseed.generation.answers import Answer, read_answers
from relseed.generation.judging import verdicts
from relseed.generation.pool import read_judged
from relseed.generation.writer import Write, Writer
from relseed.llm.teacher import Generator
from relseed.pipeline.command import run
from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import output_folder
from relseed.pipeline.params import Section, section
from relseed.preference.pairs import KINDS, Kind, Pair, Pools, pairs_of
from relseed.preference.split import halved
from relseed.records.files import write_records
from relseed.tasks.relation import Example, Schema
from relseed.tasks.relation.files import read_examples, read_schema
from relseed.tasks.relation.rules import Checks, Judge
from relseed.tasks.relation.written import Accepted, Rejected
from relseed.tracking.run import tracked


class Prefer(Section):
    """How many pairs of which kind there are."""

    drafts: NonNegativeInt  # of a relation, at most, that its prompts show after the seeds, one more in each
    kinds: dict[Kind, NonNegativeInt]  # of a prompt; mined: of a relation
    pool: str  # the method whose accepted and rejected sentences are mined
    seed: NonNegativeInt  # of the halves, and of what is drawn

    @field_validator("kinds")
    @classmethod
    def _all_are_there(cls, kinds: dict[Kind, int]) -> dict[Kind, int]:
        if missing := set(KINDS) - set(kinds):
            raise ValueError(f"{', '.join(sorted(missing))} missing: 0 switches a kind off")
        return kinds


def main(relations: Path, seeds: Path, accepted: Path, rejected: Path, candidates: Path, preferences: Path) -> None:
    """Halve the relations, build the pairs of each half, and write."""
    params = section(Prefer)
    schema = read_schema(relations)
    examples = read_examples(seeds, schema)
    pools = [folder / f"{params.pool}.jsonl" for folder in (accepted, rejected)]
    halves = halved(schema.relations, params.seed)
    reads = [relations, seeds, *pools, candidates]
    with tracked("prefer", params=params.model_dump(), reads=reads, writes=[preferences]) as log:
        mined = read_judged(pools[0], Accepted), read_judged(pools[1], Rejected)
        answers = read_answers(candidates)
        with output_folder(preferences) as folder:
            for name, labels in (("one", halves.one), ("two", halves.two)):
                own = [seed for seed in examples if seed.relation in labels]
                pairs = _pairs(params, schema, own, answers, mined)
                counts = Counter(pair.kind for pair in pairs)
                print(f"half {name}, {', '.join(labels)}: {len(pairs)} pairs, {dict(counts)}")
                log.log_metrics({f"pairs/{name}/{kind}": count for kind, count in counts.items()})
                if not pairs:
                    raise UserError(f"half {name} has no pairs: raise a value of prefer.kinds, or give it seeds")
                write_records(folder / f"{name}.jsonl", pairs)
            (folder / "halves.json").write_text(halves.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _pairs(
    params: Prefer, schema: Schema, seeds: Sequence[Example], answers: Sequence[Answer], pools: Pools
) -> list[Pair]:
    """The pairs of a half, `seeds` being those of its relations."""
    judge = Judge(schema, section(Checks), seeds)
    generator, write = section(Generator), section(Write)
    pairs: list[Pair] = []
    for label in dict.fromkeys(seed.relation for seed in seeds):
        writer = Writer("tuned", "one_by_one", schema.by_label[label], judge, generator, write)
        own, others = ([seed for seed in seeds if (seed.relation == label) is same] for same in (True, False))
        # Judged relation by relation, as when they were written: no half has a say in what another one shows.
        drafts = verdicts([answer for answer in answers if answer.relation == label], judge.anew()).kept
        chance = random.Random(f"{params.seed}/{label}")
        pairs += pairs_of(writer, own, drafts[: params.drafts], others, params.kinds, pools, chance)
    return pairs


if __name__ == "__main__":
    run(main)
