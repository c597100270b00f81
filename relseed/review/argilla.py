"""A sheet as a dataset of Argilla: the folder that `argilla.Dataset.from_disk` takes, and responses read from it.

Argilla makes the settings of a dataset only while it is connected to its server, so their JSON is written here, in the
form of argilla 2; records come from the library.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import output_folder
from relseed.records.files import DataError, problem_of, read_json
from relseed.review.sheet import Row

RECORDS = "records.json"  # in the folder of a dataset


class _Response(BaseModel):
    model_config = ConfigDict(extra="ignore")

    value: str | None
    user_id: str | None = None


class _Metadata(BaseModel):
    model_config = ConfigDict(extra="ignore")

    hash: str


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: str
    metadata: _Metadata
    responses: dict[str, list[_Response]] = {}


def write_dataset(folder: Path, method: str, rows: Sequence[Row]) -> None:
    """Write a folder that `argilla.Dataset.from_disk` makes a dataset of, whole or not at all.

    Raises:
        UserError: The library is not installed.
    """
    try:
        import argilla
    except ImportError as error:
        raise UserError(
            f"{folder} is written as a dataset of Argilla, and the library cannot be imported ({error}): "
            "`pip install argilla requests`, or name a file that ends in .csv or .html"
        ) from None
    with output_folder(folder, RECORDS) as partial:
        (partial / ".argilla").mkdir()
        _write(partial / ".argilla/dataset.json", {"name": f"relseed-{method}"})
        _write(partial / ".argilla/settings.json", _settings(rows))
        _write(partial / RECORDS, [_record(argilla, row) for row in rows])


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")  # ASCII: Argilla opens it by the locale


def _settings(rows: Sequence[Row]) -> dict[str, Any]:
    choices = dict.fromkeys(choice for row in rows for choice in row.choices)
    text = {"type": "text", "use_markdown": False}  # Argilla wants no name twice, in fields, questions and metadata
    options = [{"value": choice, "text": choice} for choice in choices]
    decision = {"name": "decision", "title": "Decision", "required": True}
    return {
        "guidelines": "Does each text have its label, by the definition? Keep it, drop it, or relabel it.",
        "allow_extra_metadata": False,
        "fields": [
            {"name": "text", "title": "Text", "required": True, "settings": text},
            {"name": "definition", "title": "Label, and its definition", "required": True, "settings": text},
        ],
        "questions": [
            decision | {"settings": {"type": "label_selection", "options": options}},
            {"name": "note", "title": "Note", "required": False, "settings": text},
        ],
        "metadata": [{"name": name, "title": name, "settings": {"type": "terms"}} for name in ("label", "hash")],
        "vectors": [],
    }


def _record(argilla: Any, row: Row) -> dict[str, Any]:
    """A record; an earlier decision is a suggestion, which its reader may accept or not."""
    before = {"decision": row.decision, "note": row.note}
    record: dict[str, Any] = argilla.Record(
        id=row.id,
        fields={"text": row.text, "definition": f"{row.label}: {row.definition}"},
        metadata={"label": row.label, "hash": row.hash},
        suggestions=[argilla.Suggestion(name, value) for name, value in before.items() if value],
    ).to_dict()
    return record


def read_responses(path: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield (place, cells by column) of every person's response to a record, from what Argilla exports as JSON.

    Raises:
        DataError: It is no list of records of a sheet.
    """
    records = read_json(path)
    if not isinstance(records, list):
        raise DataError(path, None, "no list of records: export it with `dataset.records.to_json`")
    for number, values in enumerate(records, start=1):
        try:
            record = _Record.model_validate(values)
        except ValidationError as error:
            raise DataError(path, f"record {number}", problem_of(error)) from None
        people = dict.fromkeys(response.user_id for each in record.responses.values() for response in each)
        for person in people:
            given = {
                name: response.value or ""
                for name, each in record.responses.items()
                for response in each
                if response.user_id == person
            }
            cells = {"decision": given.get("decision", ""), "note": given.get("note", "")}
            yield f"record {number}", {"id": record.id, "hash": record.metadata.hash, **cells}
