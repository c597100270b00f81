"""Build preference pairs from seeds and what the small language model writes untuned, without any annotator.

As Li, Dai and Li 2025, with examples of the model's own in the prompts.
"""

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import NonNegativeInt, field_validator

from relseed.generation.exchanges import Exchange, read_exchanges
from relseed.generation.method import read_method
from relseed.pipeline.command import Entry, run
from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import output_folder
from relseed.pipeline.params import Params, Section
from relseed.preference.pair import FLAWS, Flaw, PreferencePair
from relseed.preference.pairs import pairs_of
from relseed.preference.split import split_relations
from relseed.records.files import write_records
from relseed.tasks.relation import TASK, Example, Schema
from relseed.tasks.task import read_examples, read_schema
from relseed.tracking.run import tracked


class Pairs(Section):
    """An entry of `pairs`: how many pairs of which flaw there are."""

    method: str  # by which the untuned model wrote; prompts are as it has them
    reads: Path  # its candidates
    own_per_label: NonNegativeInt  # examples of the model's own that prompts show after the seeds, one more in each
    flaws: dict[Flaw, NonNegativeInt]  # pairs of a prompt by what is wrong with the dispreferred response
    seed: NonNegativeInt  # of the halves, and of what is drawn

    @field_validator("flaws")
    @classmethod
    def _are_all_there(cls, flaws: dict[Flaw, int]) -> dict[Flaw, int]:
        if missing := set(FLAWS) - set(flaws):
            raise ValueError(f"{', '.join(sorted(missing))} missing: 0 switches a flaw off")
        return flaws


def main(entry: Entry, labels: Path, seeds: Path, pairs: Path) -> None:
    """Split the relations, build the pairs of each half, and write."""
    params = Params.read()
    settings = params.section(f"pairs.{entry}", Pairs)
    schema = read_schema(labels, TASK)
    examples = read_examples(seeds, TASK, schema)
    split = split_relations(schema.relations, settings.seed)
    with (
        tracked(
            "pairs", params=settings.model_dump(), reads=[labels, seeds, settings.reads], writes=[pairs / entry]
        ) as log,
        output_folder(pairs / entry, *(f"{half}.jsonl" for half in split.halves), "split.json") as folder,
    ):
        exchanges = list(read_exchanges(settings.reads))
        for half, of_half in split.halves.items():
            own = [seed for seed in examples if seed.relation in of_half]
            found = _pairs(params, settings, schema, own, exchanges)
            counts = Counter(pair.flaw for pair in found)
            print(f"half {half}, {', '.join(of_half)}: {len(found)} pairs, {dict(counts)}")
            log.log_metrics({f"pairs/{half}/{flaw}": count for flaw, count in counts.items()})
            if not found:
                raise UserError(f"half {half} has no pairs: raise a value of pairs.flaws, or give it seeds")
            write_records(folder / f"{half}.jsonl", found)
        (folder / "split.json").write_text(split.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _pairs(
    params: Params, settings: Pairs, schema: Schema, seeds: Sequence[Example], exchanges: Sequence[Exchange]
) -> list[PreferencePair]:
    """The pairs of a half, `seeds` being those of its relations."""
    method = read_method(params, settings.method, TASK, schema, seeds)
    if method.settings.loop != "one_by_one" and method.llm.form == "chat":  # a document grows in any loop
        raise UserError(
            f"{params.path}: the method {settings.method} has the loop {method.settings.loop}: prompts of preference "
            "pairs grow example by example, as those of one_by_one do; name a method of that loop"
        )
    pairs: list[PreferencePair] = []
    for label in dict.fromkeys(seed.relation for seed in seeds):
        # Rules are applied relation by relation, as when they were written: no half decides what the other one shows.
        candidates = [found for exchange in exchanges if exchange.unit == label for found in exchange.candidates]
        own: list[Any] = method.rules.with_nothing_accepted().apply_all(candidates)[0][: settings.own_per_label]
        rng = random.Random(f"{settings.seed}/{label}")
        pairs += pairs_of(method, label, seeds, own, settings.flaws, rng)
    return pairs


if __name__ == "__main__":
    run(main)
