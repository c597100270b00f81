"""The generator, asked for samples of every relation that has seeds, each by the adapter that is meant for it."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from relseed.generation.writer import Write, Writer, put_away, to_write, written_by
from relseed.llm.teacher import Generator
from relseed.pipeline.params import section
from relseed.records.files import md5_of
from relseed.tasks.relation.files import read_examples, read_schema
from relseed.tasks.relation.rules import Checks, Judge
from relseed.tracking.run import Run


def ask_generator(
    generator: Generator,
    method: str,
    relations: Path,
    seeds: Path,
    candidates: Path,
    log: Run,
    adapters: Mapping[str, str],
    adapter_for: Callable[[str], str | None],
) -> None:
    """Have samples written, and write `candidates`; `adapters` are folders by name, `adapter_for` takes a label.

    Raises:
        UserError: Not everything was answered.
    """
    params, schema = section(Write), read_schema(relations)
    examples = read_examples(seeds, schema)
    judge = Judge(schema, section(Checks), examples)
    weights = _digest([Path(generator.model), *map(Path, adapters.values())])
    writers = []
    for relation in to_write(schema, examples, params):
        # The weights are part of each request: the cache must not answer for a model that was built anew.
        changes = {"adapter": adapter_for(relation.relation), "revision": weights or generator.revision}
        writers.append(Writer(method, params.manner, relation, judge, generator.model_copy(update=changes), params))
    answers = asyncio.run(written_by(writers, generator, f"generator-{method}", f"write, {method}", adapters))
    put_away(answers, writers, log, candidates)


def _digest(folders: Sequence[Path]) -> str | None:
    """A digest of the weights in these folders; None where there are none, as for a model of the Hub."""
    files = [path for folder in folders for path in sorted(folder.glob("*.safetensors"))]
    return hashlib.sha256("".join(map(md5_of, files)).encode()).hexdigest()[:12] if files else None
