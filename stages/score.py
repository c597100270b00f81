"""Score what some methods wrote, by one criterion: a number from 0 to 1 for each accepted example, never a decision."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from relseed.criteria.cache import CHUNK, CachedScorer
from relseed.criteria.criterion import Score, Scoring
from relseed.pipeline.command import Entry, run
from relseed.pipeline.named import load
from relseed.pipeline.params import Params
from relseed.pipeline.workers import Workers
from relseed.records.files import json_lines_file
from relseed.records.scores import ScoredExample
from relseed.tasks.task import each_example, load_task, read_examples, read_schema
from relseed.tracking.run import tracked

_AT_ONCE = 8 * CHUNK  # examples that memory holds, and that workers share


def main(criterion: Entry, accepted: Path, labels: Path, seeds: Path, scores: Path) -> None:
    """Score the examples of the methods of its entry, in their order, and write them with their scores."""
    params = Params.read()
    task = load_task(params.value("task"))
    module = load("relseed.criteria", criterion, "criterion")
    settings = params.section(f"criteria.{criterion}", module.Settings)
    files = [accepted / f"{method}.jsonl" for method in settings.methods]
    output = scores / f"{criterion}.jsonl"
    described = {"criterion": criterion, **settings.model_dump()}
    reads = [*files, labels, seeds, Path(settings.reads)]
    with tracked("score", params=described, reads=reads, writes=[output]), json_lines_file(output) as add:
        schema = read_schema(labels, task)
        scoring = Scoring(settings, task, schema, read_examples(seeds, task, schema))
        scorer = CachedScorer(criterion, module, scoring, params.section("workers", Workers))
        examples = chain.from_iterable(each_example(path, task, schema, empty=True) for path in files)
        count, total = 0, 0.0
        for part in _parts(examples):
            for example, score in zip(part, scorer(part), strict=True):
                add(_line(example, score))
                count, total = count + 1, total + score.value
        print(f"{count} examples, mean score {total / max(1, count):.3f}")


def _parts(examples: Iterable[Any]) -> Iterator[list[Any]]:
    left = iter(examples)
    return iter(lambda: list(islice(left, _AT_ONCE)), [])


def _line(example: Any, score: Score) -> dict[str, Any]:
    values = example.model_dump(exclude_unset=True)
    return ScoredExample(score=round(score.value, 6), note=score.note, example=values).model_dump(exclude_unset=True)


if __name__ == "__main__":
    run(main)
