"""Score what some methods wrote, by one criterion: a number from 0 to 1 for each accepted example, never a decision."""

from pathlib import Path
from typing import Any

from relseed.criteria.cache import score_new
from relseed.criteria.criterion import Score, Scoring
from relseed.pipeline.command import Entry, run
from relseed.pipeline.named import load
from relseed.pipeline.params import Params
from relseed.pipeline.workers import Workers
from relseed.records.files import write_records
from relseed.records.scores import ScoredExample
from relseed.tasks.task import load_task, read_examples, read_schema
from relseed.tracking.run import tracked


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
    with tracked("score", params=described, reads=reads, writes=[output]) as log:
        schema = read_schema(labels, task)
        examples = [example for path in files for example in read_examples(path, task, schema, empty=True)]
        scoring = Scoring(
            settings,
            task,
            schema,
            read_examples(seeds, task, schema),
            examples,
            lambda metrics, step: log.log_metrics(metrics, step=step),
        )
        found = score_new(criterion, module, scoring, params.section("workers", Workers))
        write_records(output, map(_line, examples, found))
        mean = sum(score.value for score in found) / max(1, len(found))
        print(f"{len(examples)} examples, mean score {mean:.3f}")


def _line(example: Any, score: Score) -> ScoredExample:
    return ScoredExample(score=round(score.value, 6), note=score.note, example=example.model_dump(exclude_unset=True))


if __name__ == "__main__":
    run(main)
