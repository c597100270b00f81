"""Put what two methods wrote about the same entity tuple beside each other, for one sentence to be made of it."""

from pathlib import Path

from relseed.pipeline.command import Entry, run
from relseed.pipeline.params import Params
from relseed.records.files import write_records
from relseed.tasks.relation import TASK
from relseed.tasks.relation.entity_tuple import read_tuples
from relseed.tasks.task import read_schema
from relseed.tracking.run import tracked
from relseed.tuples.drafts import Drafts, read_drafts, with_drafts


def main(pairing: Entry, labels: Path, tuples: Path, drafts: Path) -> None:
    """Put them side by side, and write the tuples of which both methods wrote."""
    settings, output = Params.read().section(f"drafts.{pairing}", Drafts), drafts / f"{pairing}.jsonl"
    reads = [labels, tuples, settings.first, settings.second]
    with tracked("drafts", params=settings.model_dump(mode="json"), reads=reads, writes=[output]) as log:
        schema = read_schema(labels, TASK)
        first, second = (read_drafts(path, schema) for path in (settings.first, settings.second))
        collected = read_tuples(tuples, schema)
        paired = list(with_drafts(collected, first, second))
        print(f"{len(paired)} of {len(collected)} tuples have a draft of both methods")
        log.log_metrics({"tuples": len(collected), "paired": len(paired)})
        write_records(output, paired)


if __name__ == "__main__":
    run(main)
