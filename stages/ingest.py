"""Turn a dataset as it was published into the one record format.

Reads    SOURCE: a folder in the format that ingest.format names
Writes   OUTPUT: relations.jsonl, train.jsonl, validation.jsonl, test.jsonl and card.json (the data card)
Alone    python -m stages.ingest data/gazette data/dataset
"""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from relseed.datasets import crossre, folder, semeval, tacred
from relseed.datasets.card import card, table
from relseed.datasets.dataset import Dataset
from relseed.pipeline.command import run
from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import output_folder
from relseed.pipeline.params import Section, section
from relseed.records.files import write_records
from relseed.tracking.run import tracked

WRITTEN = ("relations.jsonl", "train.jsonl", "validation.jsonl", "test.jsonl", "card.json")


class Ingest(Section):
    """How to read the dataset; `path` is what dvc.yaml passes as SOURCE."""

    format: Literal["folder", "semeval", "tacred", "tacrev", "retacred", "crossre"]
    path: str
    domain: crossre.Domain | None = Field(default=None, validate_default=True)

    @field_validator("domain")
    @classmethod
    def _of_crossre(cls, domain: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("format") == "crossre" and domain is None:
            raise ValueError("crossre is read one domain at a time: ai, literature, music, news, politics or science")
        if info.data.get("format") != "crossre" and domain is not None:
            raise ValueError("only crossre has domains: set it to null")
        return domain


def main(source: Path, output: Path) -> None:
    """Read, write, and print the data card."""
    params = section(Ingest)
    _check_replaceable(output)
    writes = [output / name for name in WRITTEN]
    with tracked("ingest", params=params.model_dump(), reads=[source], writes=writes) as log:
        described = _write(_read(source, params), output)
        print(table(described))
        log.log_metrics({f"examples_{split}": count["examples"] for split, count in described["splits"].items()})


def _check_replaceable(output: Path) -> None:
    found = [path.name for path in output.glob("*") if not path.name.startswith(".")]
    if found and "card.json" not in found:
        raise UserError(f"{output} holds files that ingest did not write and would replace: name another folder")


def _read(source: Path, params: Ingest) -> Dataset:
    match params.format:
        case "folder":
            return folder.read(source)
        case "semeval":
            return semeval.read(source)
        case "crossre":
            assert params.domain is not None
            return crossre.read(source, params.domain)
        case variant:
            return tacred.read(source, variant)


def _write(dataset: Dataset, output: Path) -> dict[str, Any]:
    with output_folder(output) as partial:
        write_records(partial / "relations.jsonl", dataset.schema.relations)
        for split, examples in dataset.splits.items():
            write_records(partial / f"{split}.jsonl", examples)
        described = card(dataset, partial)
        text = json.dumps(described, ensure_ascii=False, indent=2)
        (partial / "card.json").write_text(f"{text}\n", encoding="utf-8")
    return described


if __name__ == "__main__":
    run(main)
