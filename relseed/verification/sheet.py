"""The sheet itself: as CSV, and as a page that needs no network; and reading filled ones."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import output_file
from relseed.pipeline.templates import render
from relseed.records.files import DataError, raise_all
from relseed.report.segments import highlighted
from relseed.review.sheet import RISKY, read_csv, readable, safe
from relseed.tasks.relation import TASK, Schema
from relseed.verification.items import ANSWERS, Choice, Item, choice_of

COLUMNS = ("id", "relation", "definition", "text", "answer", "note")
FILLED = ("id", "answer", "note")
MEANINGS: Mapping[Choice, str] = {
    "stated": "the sentence states it, or one must conclude it",
    "plausible": "it may be so, and the sentence does not say it",
    "wrong": "the sentence says something else, or it holds in the other direction",
    "unreadable": "the sentence or its marks make no sense",
}


def write_sheet(path: Path, items: Sequence[Item], schema: Schema) -> None:
    """Write a sheet, whole or not at all; its form is that of its name, .csv or .html.

    Raises:
        UserError: The name has another ending, or something is there, whose answers would be lost.
    """
    if path.suffix not in (".csv", ".html"):
        raise UserError(f"{path}: a sheet is a .csv or an .html file")
    if path.exists():
        raise UserError(f"{path} is already there, perhaps with answers: remove it, or name another")
    with output_file(path) as partial:
        if path.suffix == ".html":
            partial.write_text(page_of(items, schema), encoding="utf-8")
        else:
            _write_csv(partial, items, schema)


def _write_csv(path: Path, items: Sequence[Item], schema: Schema) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        for item in items:
            relation = schema.by_label[item.relation]
            text = readable(TASK.segments(item.example))
            shown = {"id": item.id, "relation": relation.name, "definition": relation.definition, "text": text}
            table.writerow({name: safe(shown.get(name, "")) for name in COLUMNS})


def write_answers(path: Path, items: Sequence[Item], answers: Mapping[str, Choice]) -> None:
    """Write a filled sheet, whole or not at all.

    Raises:
        UserError: The name has another ending than .csv, or something is there.
    """
    if path.suffix != ".csv" or path.exists():
        raise UserError(f"{path}: a filled sheet is a .csv file that is not there yet: name another")
    with output_file(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, FILLED, restval="")
        table.writeheader()
        table.writerows({"id": item.id, "answer": answers.get(item.id, "")} for item in items)


def page_of(items: Sequence[Item], schema: Schema) -> str:
    """Render the page."""
    rows = [(item.id, schema.by_label[item.relation], highlighted(TASK.segments(item.example))) for item in items]
    template = Path(__file__).with_name("page.html.jinja")
    return render(template, rows=rows, meanings=MEANINGS, columns=FILLED, risky=RISKY) + "\n"


def read_sheet(path: Path, items: Sequence[Item]) -> dict[str, Choice]:
    """The answers by the ids of items; lines without one are left out.

    Raises:
        DataError: It is no sheet of these items, or has answers that there are not.
        UserError: It holds no answer.
    """
    known, answers, errors = {item.id for item in items}, dict[str, Choice](), list[DataError]()
    for line, cells in read_csv(path, FILLED, "relseed verify sample"):
        id, answer = cells["id"].strip(), cells["answer"].strip()
        if id not in known:
            errors.append(DataError(path, line, f"the key has no item {id!r}: take the key that came with the sheet"))
        elif choice := choice_of(answer):
            answers[id] = choice
        elif answer:
            errors.append(DataError(path, line, f"no answer {answer!r}: there are {', '.join(ANSWERS)}"))
    raise_all(errors)
    if not answers:
        raise UserError(f"{path} holds no answer: fill in {', '.join(ANSWERS)} under `answer`")
    return answers
