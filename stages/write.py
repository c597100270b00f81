"""Have samples written by the generator, as it was tuned for other relations.

Reads    data/dataset/relations.jsonl; data/seeds/train.jsonl; data/preferences/base/halves.json;
         models/generator: the adapters base-one and base-two; the generator, a folder or a name (generator.model)
Writes   data/candidates/tuned.jsonl: each request, its completion verbatim, the draft in it
Alone    python -m stages.write data/dataset/relations.jsonl data/seeds/train.jsonl
         data/preferences/base/halves.json models/generator data/candidates/tuned.jsonl

A relation is written by the adapter that was tuned on the other half of the relations. Every answer is in the request
cache before the next step, so that a killed run goes on where it was.
"""

from pathlib import Path

from relseed.generation.asked import ask_generator
from relseed.generation.writer import Write
from relseed.llm.teacher import Generator
from relseed.pipeline.command import run
from relseed.pipeline.params import section
from relseed.preference.split import ADAPTERS, Halves
from relseed.records.files import read_output
from relseed.tracking.run import tracked


def main(relations: Path, seeds: Path, halves: Path, models: Path, candidates: Path) -> None:
    """Ask, and write what came."""
    generator = section(Generator)
    params = {**generator.model_dump(), **section(Write).model_dump()}
    split = read_output(halves, Halves, stage="prefer")
    adapters = {name: str(models / name) for name in ADAPTERS}
    reads = [relations, seeds, halves, *map(Path, adapters.values())]
    with tracked("write", params=params, reads=reads, writes=[candidates]) as log:
        ask_generator(generator, "tuned", relations, seeds, candidates, log, adapters, split.adapter_for)


if __name__ == "__main__":
    run(main)
