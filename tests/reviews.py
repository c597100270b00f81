"""A project of a few written sentences about boats in the folder that a test runs in, its sheets and its decisions."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from relseed import cli
from relseed.records.files import write_records
from relseed.records.reviews import Decision
from relseed.tasks.relation import Example, Relation
from relseed.tasks.relation.tags import untag
from tests.graph import PARAMS

RELATIONS = [
    Relation(relation="owns", head_type="PERSON", tail_type="BOAT", definition="the head owns the tail"),
    Relation(relation="rows", head_type="PERSON", tail_type="BOAT", definition="the head rows the tail"),
    Relation(relation="built_in", head_type="BOAT", tail_type="PLACE", definition="the head was built in the tail"),
    Relation(relation="none", definition="neither", negative=True),
]
SHEET = Path("sheet.csv")
OWNS, ROWS = "all_at_once/owns/0/0", "all_at_once/rows/0/0"


def sentence(id: str, tagged: str, types: tuple[str, str] = ("PERSON", "BOAT")) -> Example:
    """An accepted example whose id says its method and its label."""
    method, label, *_ = id.split("/")
    fields = untag(tagged).model_dump(exclude_unset=True)
    mentions = {role: fields[role] | {"type": kind} for role, kind in zip(("head", "tail"), types, strict=True)}
    return Example.model_validate(fields | mentions | {"id": id, "relation": label, "method": method})


ACCEPTED = [
    sentence(OWNS, "At last <e1>Marit</e1> has paid for the <e2>Sula</e2>."),
    sentence(ROWS, "Each morning the <e2>Petrel</e2> goes out, <e1>Tove</e1> at the oars."),
    sentence("one_by_one/owns/0/0", "The <e2>Otra</e2> is a gift that <e1>Ola</e1> got."),
]


def prepare(accepted: Sequence[Any] = ACCEPTED, relations: Sequence[Relation] = RELATIONS) -> None:
    """Write what sheets are made of."""
    Path("params.yaml").write_text(yaml.safe_dump(PARAMS), encoding="utf-8")
    write_records(Path("data/dataset/labels.jsonl"), relations)
    for method in dict.fromkeys(example.method for example in accepted):
        path = Path(f"data/accepted/{method}.jsonl")
        write_records(path, [example for example in accepted if example.method == method])


def exported(
    method: str = "all_at_once", output: Path = SHEET, training_set: str | None = None
) -> list[dict[str, str]]:
    """Write a sheet; its lines, where it is a CSV file."""
    cli.export_sheet(method, output, training_set)
    return lines_of(output) if output.suffix == ".csv" else []


def lines_of(path: Path) -> list[dict[str, str]]:
    """The cells of a CSV file as a spreadsheet sees them."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def fill(decisions: Mapping[str, str], path: Path = SHEET, notes: Mapping[str, str] | None = None) -> None:
    """Fill in decisions and notes by id, and save as a spreadsheet would."""
    lines = lines_of(path)
    for line in lines:
        line["decision"] = decisions.get(line["id"], "")
        line["note"] = (notes or {}).get(line["id"], "")
    save(lines, path)


def save(lines: Sequence[Mapping[str, str]], path: Path = SHEET) -> None:
    """Write a CSV file without a mark of UTF-8."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(lines[0]))
        table.writeheader()
        table.writerows(lines)


def imported(sheet: Path = SHEET) -> None:
    """Read a sheet into `data/reviews`."""
    cli.import_sheet(sheet)


def decisions(method: str = "all_at_once") -> list[dict[str, Any]]:
    """The lines of a file of decisions."""
    text = Path(f"data/reviews/{method}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def decided(method: str = "all_at_once") -> dict[str, str]:
    """Decisions in words by id."""
    return {line["id"]: Decision.model_validate(line).words for line in decisions(method)}
