"""Turn a dataset as it was published into the one record format.

Which one, in which format, is said by `ingest` in params.yaml.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from relseed.datasets.card import card, table
from relseed.datasets.dataset import Dataset
from relseed.pipeline.command import run
from relseed.pipeline.errors import UserError
from relseed.pipeline.named import load
from relseed.pipeline.outputs import output_folder
from relseed.pipeline.params import Params, Section
from relseed.records.files import write_records
from relseed.tasks.task import load_task
from relseed.tracking.run import tracked

WRITTEN = ("labels.jsonl", "train.jsonl", "validation.jsonl", "test.jsonl", "card.json")


class Ingest(Section):
    """How to read the dataset."""

    format: str  # a module of relseed.datasets
    path: Path
    domain: str | None = Field(default=None, validate_default=True)  # crossre only

    @field_validator("domain")
    @classmethod
    def _of_crossre(cls, domain: str | None, info: ValidationInfo) -> str | None:
        if (info.data.get("format") == "crossre") is (domain is None):
            raise ValueError("crossre, and it alone, has domains: ai, literature, music, news, politics or science")
        return domain


def main(dataset: Path) -> None:
    """Read, write, and print the data card."""
    params = Params.read()
    settings, task = params.section("ingest", Ingest), load_task(params.value("task"))
    _check_replaceable(dataset)
    writes = [dataset / name for name in WRITTEN]
    with tracked("ingest", params=settings.model_dump(), reads=[settings.path], writes=writes) as log:
        reader = load("relseed.datasets", settings.format, "format of datasets")
        found: Dataset = reader.read(settings.path, task=task, domain=settings.domain)
        if found.task is not task:
            raise UserError(f"{found.name} is a dataset of the task {found.task.name}: set `task` to that")
        described = _write(found, dataset)
        print(table(described))
        log.log_metrics({f"examples_{split}": count["examples"] for split, count in described["splits"].items()})


def _check_replaceable(output: Path) -> None:
    found = [path.name for path in output.glob("*") if not path.name.startswith(".")]
    if found and "card.json" not in found:
        raise UserError(f"{output} holds files that ingest did not write and would replace: name another folder")


def _write(dataset: Dataset, output: Path) -> dict[str, Any]:
    with output_folder(output) as partial:
        write_records(partial / "labels.jsonl", dataset.schema.entries)
        for split, examples in dataset.splits.items():
            write_records(partial / f"{split}.jsonl", examples)
        described = card(dataset, partial)
        text = json.dumps(described, ensure_ascii=False, indent=2)
        (partial / "card.json").write_text(f"{text}\n", encoding="utf-8")
    return described


if __name__ == "__main__":
    run(main)
