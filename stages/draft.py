"""Have samples written by the generator as it is, untuned: what the prompts of preference pairs show beside seeds.

Reads    data/dataset/relations.jsonl; data/seeds/train.jsonl; the generator, a folder or a name (generator.model)
Writes   data/candidates/untuned.jsonl: each request, its completion verbatim, the draft in it
Alone    python -m stages.draft data/dataset/relations.jsonl data/seeds/train.jsonl models/generator/base
         data/candidates/untuned.jsonl

Every answer is in the request cache before the next step, so that a killed run goes on where it was.
"""

from pathlib import Path

from relseed.generation.asked import ask_generator
from relseed.generation.writer import Write
from relseed.llm.teacher import Generator
from relseed.pipeline.command import run
from relseed.pipeline.params import section
from relseed.tracking.run import tracked


def main(relations: Path, seeds: Path, model: str, candidates: Path) -> None:
    """Ask, and write what came."""
    generator = section(Generator).model_copy(update={"model": model})
    params = {**generator.model_dump(), **section(Write).model_dump()}
    with tracked("draft", params=params, reads=[relations, seeds], writes=[candidates]) as log:
        ask_generator(generator, "untuned", relations, seeds, candidates, log, {}, lambda _: None)


if __name__ == "__main__":
    run(main)
