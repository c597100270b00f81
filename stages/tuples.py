"""Collect entity tuples that sentences are to be written about (AmalREC): from an LLM, a table or a knowledge base."""

from collections import Counter
from pathlib import Path

from relseed.pipeline.command import run
from relseed.pipeline.errors import UserError
from relseed.pipeline.named import load
from relseed.pipeline.params import Params
from relseed.records.files import read_lines, write_records
from relseed.tasks.relation import TASK
from relseed.tasks.task import read_examples, read_schema
from relseed.tracking.run import tracked
from relseed.tuples.collection import described, gather
from relseed.tuples.source import Asked


def main(labels: Path, seeds: Path, test_pairs: Path, tuples: Path, left_out: Path, candidates: Path) -> None:
    """Collect, drop the pairs of names that the test set holds, of which digests are known alone, and write."""
    params = Params.read()
    if (task := params.value("task")) != TASK.name:
        raise UserError(f"tuples are of relations, and the task is {task}: run `dvc repro report`, which needs none")
    source = load("relseed.tuples", str(params.value("tuples")["source"]), "source of tuples")
    settings = params.section("tuples", source.Settings)
    reads, writes = [labels, seeds, test_pairs, settings.reads], [tuples, left_out, candidates]
    with tracked("tuples", params=settings.model_dump(mode="json"), reads=reads, writes=writes) as log:
        schema = read_schema(labels, TASK)
        asked = Asked(settings, params, schema, read_examples(seeds, TASK, schema))
        in_test = {digest for _, digest in read_lines(test_pairs, cure="build it with `dvc repro ingest`")}
        kept = gather(source.collect(asked), asked, in_test)
        print("\n".join(described(kept, asked)))
        reasons = Counter(each.reason for each in asked.left_out)
        log.log_metrics({"tuples": len(kept), **{f"left_out/{reason}": count for reason, count in reasons.items()}})
        write_records(tuples, kept)
        write_records(left_out, asked.left_out)
        write_records(candidates, asked.exchanges)


if __name__ == "__main__":
    run(main)
