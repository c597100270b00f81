"""Turn a dataset as it was published into the one record format.

Which one, in which format, is said by `ingest` in params.yaml.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from relseed.datasets.card import card, table
from relseed.datasets.dataset import Dataset, read_dataset
from relseed.datasets.findings import Finding, findings
from relseed.pipeline.command import run
from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import output_folder
from relseed.pipeline.params import Params, Section
from relseed.records.files import write_records
from relseed.tasks.task import load_task
from relseed.tracking.run import tracked
from relseed.tuples.pairs import digests_of

PAIRS = "test_pairs.txt"  # digests of the pairs of names in the test split
WRITTEN = ("labels.jsonl", "train.jsonl", "validation.jsonl", "test.jsonl", PAIRS, "wire.jsonl", "card.json")


class Ingest(Section):
    """How to read the dataset."""

    format: str  # a module of relseed.datasets
    path: Path
    domain: str | None = None  # crossre only


def main(dataset: Path) -> None:
    """Read, check, write, and print the data card with what is odd."""
    params = Params.read()
    settings, task = params.section("ingest", Ingest), load_task(params.value("task"))
    writes = [dataset / name for name in WRITTEN]
    with tracked("ingest", params=settings.model_dump(), reads=[settings.path], writes=writes) as log:
        read = read_dataset(settings.path, format=settings.format, task=task, domain=settings.domain)
        found = findings(read)
        if errors := [str(finding) for finding in found if finding.is_error]:
            raise UserError("\n".join([f"scores on {read.name} would be wrong", *errors]))
        described = _write(read, dataset, found)
        print("\n".join([table(described), *map(str, found)]))
        log.log_metrics({f"examples_{split}": count["examples"] for split, count in described["splits"].items()})


def _write(dataset: Dataset, output: Path, found: Sequence[Finding]) -> dict[str, Any]:
    with output_folder(output, *WRITTEN) as partial:
        write_records(partial / "labels.jsonl", dataset.schema.entries)
        for split, examples in dataset.splits.items():
            write_records(partial / f"{split}.jsonl", examples)
        pairs = digests_of(dataset.splits["test"]) if dataset.task.has_mentions else []
        (partial / PAIRS).write_text("".join(f"{pair}\n" for pair in pairs), encoding="utf-8")
        write_records(partial / "wire.jsonl", dataset.passages)
        described = card(dataset, partial, found)
        text = json.dumps(described, ensure_ascii=False, indent=2)
        (partial / "card.json").write_text(f"{text}\n", encoding="utf-8")
    return described


if __name__ == "__main__":
    run(main)
