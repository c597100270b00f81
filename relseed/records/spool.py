"""Records on disk for as long as they are needed, where they come in another order than they are wanted in."""

import json
import sqlite3
from collections.abc import Iterator
from typing import Any, Generic
from weakref import finalize

from relseed.records.files import Record


class Spool(Generic[Record]):
    """Records in groups, in an SQLite file that is gone with it: memory holds one at a time."""

    def __init__(self, kind: type[Record]) -> None:
        """Open an empty one for records of a kind."""
        self._kind = kind
        self._db = sqlite3.connect("")  # a file that SQLite removes itself
        finalize(self, self._db.close)
        self._db.execute("CREATE TABLE records (place INTEGER PRIMARY KEY, part INTEGER, line TEXT)")

    def add(self, record: Record, group: int = 0) -> int:
        """Keep a record as the last of a group; the place where it is found again."""
        line = json.dumps(record.model_dump(exclude_unset=True))
        found = self._db.execute("INSERT INTO records (part, line) VALUES (?, ?)", (group, line))
        return int(found.lastrowid or 0)

    def at(self, place: int) -> Record:
        """The record at a place."""
        return self._read(self._db.execute("SELECT line FROM records WHERE place = ?", (place,)).fetchone())

    def __iter__(self) -> Iterator[Record]:
        """All records, group by group, of each as they came."""
        self._db.execute("CREATE INDEX IF NOT EXISTS by_group ON records (part, place)")
        return map(self._read, self._db.execute("SELECT line FROM records ORDER BY part, place"))

    def _read(self, row: tuple[Any, ...]) -> Record:
        return self._kind.model_validate(json.loads(row[0]))
