"""A user's own tuples: CSV, tab-separated values or JSON Lines, with the columns of `data/tuples.jsonl`.

The columns are head, relation and tail, and perhaps head_type and tail_type. A row that is no tuple of the schema is an
error: these rows were written for it.
"""

from collections.abc import Iterator

from relseed.records.files import DataError, problem_of, raise_all
from relseed.tasks.relation.entity_tuple import EntityTuple
from relseed.tuples.rows import Row, scan_rows
from relseed.tuples.source import Asked
from relseed.tuples.source import TuplesSettings as Settings  # the section has no other settings

__all__ = ["Settings", "collect"]

_NEEDED, _COLUMNS = ("head", "relation", "tail"), ("head", "head_type", "relation", "tail", "tail_type")


def collect(asked: Asked) -> Iterator[EntityTuple]:
    """The tuples, row by row.

    Raises:
        DataError: The file is missing, or rows are no tuples of the schema: raised after the last row.
    """
    path, errors = asked.settings.reads, []
    for line, row in scan_rows(path):
        try:
            if isinstance(row, DataError):
                raise row
            yield _tuple(row, asked, f"{path}:{line}")
        except DataError as error:
            errors.append(error)
        except ValueError as error:
            errors.append(DataError(path, line, problem_of(error)))
    raise_all(errors)


def _tuple(row: Row, asked: Asked, source: str) -> EntityTuple:
    if missing := [name for name in _NEEDED if row.get(name) is None]:
        raise ValueError(f"no {missing[0]}: the columns are {', '.join(_COLUMNS)}, the types may be left out")
    relation = asked.schema.by_label.get(str(row["relation"]))
    if relation is None or relation.negative:
        known = ", ".join(each.relation for each in asked.schema.relations if not each.negative)
        raise ValueError(f"no relation {row['relation']!r}: the schema has {known}")
    types = {role: row.get(role) or getattr(relation, role) for role in ("head_type", "tail_type")}
    for role, type in types.items():
        if getattr(relation, role) not in (None, type):
            raise ValueError(f"{role} is {type}, {relation.relation} asks for {getattr(relation, role)}")
    return EntityTuple.model_validate({name: row[name] for name in _NEEDED} | types | {"source": source})
