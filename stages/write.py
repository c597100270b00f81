"""Have samples written by the generator, as it was tuned for other relations, or untuned.

Reads    data/dataset/relations.jsonl; data/seeds/train.jsonl; data/preferences/base/halves.json;
         models/generator: the adapters base-one and base-two; the generator, a folder or a name (generator.model)
Writes   data/candidates/<method>.jsonl: each request, its completion verbatim, the draft in it
Alone    python -m stages.write tuned data/dataset/relations.jsonl data/seeds/train.jsonl
         data/preferences/base/halves.json models/generator data/candidates/tuned.jsonl

A relation is written by the adapter that was tuned on the other half of the relations. Every answer is in the request
cache before the next step, so that a killed run goes on where it was.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path

from stages.generator.halves import ADAPTERS, Halves
from stages.llm.teacher import Generator
from stages.pipeline.command import run
from stages.pipeline.errors import UserError
from stages.pipeline.params import section
from stages.quality.checks import Checks, Judge
from stages.records.files import md5_of, read_examples, read_output, read_schema
from stages.tracking.run import tracked
from stages.writing.writer import Write, Writer, put_away, to_write, written_by

METHODS = ("untuned", "tuned")


def main(method: str, relations: Path, seeds: Path, halves: Path, models: Path, candidates: Path) -> None:
    """Ask, and write what came."""
    if method not in METHODS:
        raise UserError(f"no method {method!r}: there are {', '.join(METHODS)}")
    generator, params = section(Generator), section(Write)
    schema = read_schema(relations)
    examples = read_examples(seeds, schema)
    judge = Judge(schema, section(Checks), examples)
    split = read_output(halves, Halves, stage="prefer")
    adapters = {name: str(models / name) for name in ADAPTERS} if method == "tuned" else {}
    weights = _digest([Path(generator.model), *map(Path, adapters.values())])
    writers = []
    for relation in to_write(schema, examples, params):
        adapter = split.adapter_for(relation.relation) if adapters else None
        # The weights are part of each request: the cache must not answer for a model that was built anew.
        llm = generator.model_copy(update={"adapter": adapter, "revision": weights or generator.revision})
        writers.append(Writer(method, params.manner, relation, judge, llm, params))
    with tracked(
        "write",
        params={"method": method, **generator.model_dump(), **params.model_dump()},
        reads=[relations, seeds, halves, *map(Path, adapters.values())],
        writes=[candidates],
    ) as log:
        answers = asyncio.run(written_by(writers, generator, f"write-{method}", f"write, {method}", adapters))
        put_away(answers, writers, log, candidates)


def _digest(folders: Sequence[Path]) -> str | None:
    """A digest of the weights in these folders; None where there are none, as for a model of the Hub."""
    files = [path for folder in folders for path in sorted(folder.glob("*.safetensors"))]
    return hashlib.sha256("".join(map(md5_of, files)).encode()).hexdigest()[:12] if files else None


if __name__ == "__main__":
    run(main)
