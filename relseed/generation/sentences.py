"""The sentences of what a method wrote, on disk for as long as they are measured.

Which of them are measured is decided once all are there: until then memory holds none.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from weakref import finalize

from relseed.records.candidates import request_of, unit_of
from relseed.tasks.task import Task


class Sentences:
    """The texts of all candidates that can be read, in a file that is gone with it; each is known by its place."""

    def __init__(self, task: Task) -> None:
        """Open an empty collection of examples of a task."""
        self._task = task
        self._db = sqlite3.connect("")  # a file that SQLite removes itself
        finalize(self, self._db.close)
        columns = "place INTEGER PRIMARY KEY, unit TEXT, text TEXT, masked TEXT, accepted INTEGER"
        self._db.execute(f"CREATE TABLE sentences ({columns})")
        self._accepted = 0

    def add(self, response: Iterable[tuple[Any, bool]]) -> None:
        """Add the examples of a response, each with whether it was accepted.

        A sentence counts once, however many of its pairs the response holds; accepted is it with any of them.
        """
        examples: dict[tuple[str, str], Any] = {}
        accepted: dict[tuple[str, str], int] = {}
        for example, passed in response:
            key = request_of(example.id), self._task.text(example)
            examples.setdefault(key, example)
            if passed and key not in accepted:
                self._accepted += 1
                accepted[key] = self._accepted
        rows = (
            (unit_of(key[0]), key[1], self._task.masked(example), accepted.get(key))
            for key, example in examples.items()
        )
        self._db.executemany("INSERT INTO sentences (unit, text, masked, accepted) VALUES (?, ?, ?, ?)", rows)

    def units(self) -> Iterator[tuple[str, list[int], list[int]]]:
        """Each unit, in the order in which they came: the places of its sentences, and of the accepted among them."""
        self._db.execute("CREATE INDEX IF NOT EXISTS by_unit ON sentences (unit)")
        units = [unit for (unit,) in self._db.execute("SELECT unit FROM sentences GROUP BY unit ORDER BY min(place)")]
        for unit in units:
            of_unit = "FROM sentences WHERE unit = ?"
            every = self._db.execute(f"SELECT place {of_unit} ORDER BY place", (unit,))
            accepted = self._db.execute(f"SELECT place {of_unit} AND accepted ORDER BY accepted", (unit,))
            yield unit, [place for (place,) in every], [place for (place,) in accepted]

    def at(self, places: Sequence[int]) -> tuple[list[str], list[str]]:
        """The texts at some places, as they are and masked."""
        found = [
            self._db.execute("SELECT text, masked FROM sentences WHERE place = ?", (place,)).fetchone()
            for place in places
        ]
        return [text for text, _ in found], [masked for _, masked in found]
