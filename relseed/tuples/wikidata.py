"""The CSV file of a SPARQL SELECT, as query.wikidata.org exports it: a column for each variable of the query.

    SELECT ?person ?personLabel ?employerLabel WHERE {
      ?person wdt:P108 ?employer. SERVICE wikibase:label { bd:serviceParam wikibase:language "en". }
    }

An entity without a name in the language of the query has its identifier for a label, and an unknown value a blank node:
such rows are left out and counted.
"""

import re
from collections.abc import Iterator

from pydantic import Field, model_validator

from relseed.pipeline.params import Section
from relseed.records.files import DataError, raise_all
from relseed.tasks.relation import Schema
from relseed.tasks.relation.entity_tuple import EntityTuple
from relseed.tuples.knowledge_base import check_labels, local_name, tuple_of
from relseed.tuples.rows import Row, scan_rows
from relseed.tuples.source import Asked, TuplesSettings, Unwanted

_IDENTIFIER = re.compile(r"[QPL][1-9][0-9]*")
_UNKNOWN = re.compile(r"_:\S+|t[0-9]+|https?://www\.wikidata\.org/\.well-known/genid/\S+")


class Columns(Section):
    """The variables of the query, without question marks."""

    head: str  # the label of the head, such as personLabel
    tail: str
    relation: str | None = None  # the property, by identifier or IRI
    head_type: str | None = None  # the class of the head, by identifier or IRI
    tail_type: str | None = None


class Settings(TuplesSettings):
    """The section `tuples` with this source."""

    columns: Columns
    relation: str | None = None  # the label of all rows, where no column says the property
    relations: dict[str, str] = Field(default={})  # labels by property (`P108: employed_by`)
    types: dict[str, str] = Field(default={})  # types of the schema by class (`Q5: PERSON`)

    @model_validator(mode="after")
    def _has_relations(self) -> "Settings":
        if (self.columns.relation is None) is (self.relation is None):
            raise ValueError("say the relation once: `relation` for all rows, or `columns.relation` with `relations`")
        return self


def collect(asked: Asked) -> Iterator[EntityTuple]:
    """The tuples, row by row; rows of other properties and of entities of other types are left out.

    Raises:
        DataError: The file is missing, lacks a column, or has rows that cannot be read: raised after the last row.
        UserError: A label is not one of the schema.
    """
    settings: Settings = asked.settings
    check_labels([*settings.relations.values(), *filter(None, [settings.relation])], asked.schema)
    errors: list[DataError] = []
    for line, row in scan_rows(settings.reads):
        if isinstance(row, DataError):
            errors.append(row)
            continue
        _check_columns(settings, row, line)
        source = f"{settings.reads}:{line}"
        try:
            yield _tuple(row, settings, asked.schema, source)
        except Unwanted as unwanted:
            asked.leave_out(source, unwanted)
    raise_all(errors)


def _check_columns(settings: Settings, row: Row, line: int) -> None:
    for name, column in settings.columns.model_dump(exclude_none=True).items():
        if column not in row:
            known = f"the file has {', '.join(row)}"
            raise DataError(settings.reads, line, f"no column {column!r} (tuples.columns.{name}): {known}")


def _tuple(row: Row, settings: Settings, schema: Schema, source: str) -> EntityTuple:
    """Raises Unwanted where the row is none that is wanted."""
    columns = settings.columns
    names = {"head": row[columns.head] or "", "tail": row[columns.tail] or ""}
    shown = " | ".join(names.values())
    label = settings.relation or settings.relations.get(local_name(row[str(columns.relation)] or ""))
    if label is None:
        raise Unwanted("other_relation", str(row[str(columns.relation)]))
    if any(_UNKNOWN.fullmatch(name) for name in names.values()):
        raise Unwanted("unknown_value", shown)
    if any(_IDENTIFIER.fullmatch(local_name(name)) for name in names.values()):
        raise Unwanted("no_name", shown)
    known = {role: _types(row, role, settings) for role in ("head_type", "tail_type")}
    return tuple_of(schema.by_label[label], names, known, source)


def _types(row: Row, role: str, settings: Settings) -> list[str]:
    """The type of an entity: none where no column says it, the class itself where `types` does not know it."""
    column = getattr(settings.columns, role)
    if column is None or (found := row[column]) is None:
        return []
    return [settings.types.get(local_name(found), found)]
