"""Measure how what a method writes changes while each example is written after another."""

from pathlib import Path
from typing import Any

import numpy as np

from relseed.evaluation.drift import Drift, Drifted, Real, Written, drifted
from relseed.generation.exchanges import generations, read_exchanges
from relseed.pipeline.command import Entry, run
from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import output_file
from relseed.pipeline.params import Params
from relseed.quality.embeddings import embed
from relseed.records.candidates import request_of
from relseed.records.files import read_records
from relseed.tasks.task import Task, load_task, read_examples, read_schema
from relseed.tracking.run import tracked


def main(drift: Entry, accepted: Path, labels: Path, real: Path, seeds: Path, measured: Path) -> None:
    """Embed what was accepted, by generation, beside real examples and those of another domain, and compare."""
    params = Params.read()
    task, settings = load_task(params.value("task")), params.section(f"drifts.{drift}", Drift)
    candidates, output = _candidates(drift, settings), measured / f"{drift}.json"
    files = [candidates, accepted / f"{drift}.jsonl", labels, real, seeds, Path(settings.other)]
    with tracked("drift", params={"drift": drift, **settings.model_dump()}, reads=files, writes=[output]) as log:
        schema = read_schema(labels, task)
        own = read_examples(files[1], task, schema, empty=True)
        before = read_examples(seeds, task, schema)
        vectors = _vectors(task, {example.id: example for example in [*before, *own]})
        found = drifted(
            drift,
            _by_generation(candidates, own, vectors),
            Real(_stacked(task, read_examples(real, task, schema)), settings.topics, settings.seed),
            _stacked(task, [example for _, example in read_records(Path(settings.other), task.example_type)]),
            settings,
            len(schema.labels),
        )
        _write(found, output)
        for each in found.generations:
            log.log_metrics({"mmd": each.real.mmd, "label_balance": each.label_balance}, step=each.number)


def _candidates(drift: str, settings: Drift) -> Path:
    """What a method wrote; the stage depends on what was accepted of the method whose name it has."""
    if (path := Path(settings.reads)).stem != drift:
        raise UserError(f"drifts.{drift}.reads is {path}: give the entry the name of its method, drifts.{path.stem}")
    return path


def _by_generation(candidates: Path, accepted: list[Any], vectors: dict[str, np.ndarray]) -> dict[int, Written]:
    exchanges = list(read_exchanges(candidates))
    number, after = generations(exchanges), {each.id: one.after for one in exchanges for each in one.candidates}
    groups: dict[int, list[Any]] = {}
    for example in accepted:
        if example.id in number:
            groups.setdefault(number[example.id], []).append(example)
    if not (large := {key: group for key, group in sorted(groups.items()) if len(group) > 1}):
        raise UserError(f"{candidates} holds nothing that was written after one example: use the loop self_reference")
    return {key: _written(group, after, vectors) for key, group in large.items()}


def _written(group: list[Any], after: dict[str, str | None], vectors: dict[str, np.ndarray]) -> Written:
    # What was accepted after one seed may be rejected beside what was written after another: it has no vector.
    known = [[id for id in _ancestors(example.id, after) if id in vectors] for example in group]
    before = [np.stack([vectors[id] for id in ids]) for ids in known]
    own = np.stack([vectors[example.id] for example in group])
    return Written(own, [each.label for each in group], before, [request_of(each.id) for each in group])


def _ancestors(id: str, after: dict[str, str | None]) -> list[str]:
    found = []
    while (shown := after.get(id)) is not None:
        found.append(id := shown)
    return found


def _vectors(task: Task, examples: dict[str, Any]) -> dict[str, np.ndarray]:
    found = embed([task.key(example) for example in examples.values()], "embed what was written")
    return dict(zip(examples, found.astype(float), strict=True))


def _stacked(task: Task, examples: list[Any]) -> np.ndarray:
    return embed(list(map(task.key, examples)), "embed what it is compared with").astype(float)


def _write(found: Drifted, path: Path) -> None:
    with output_file(path) as partial:
        partial.write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
