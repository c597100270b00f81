"""Accepted examples on disk, and in memory as much of each as deciding on it takes."""

from dataclasses import dataclass
from sys import intern
from typing import Any

from relseed.records.candidates import negative_unit
from relseed.records.spool import Spool
from relseed.tasks.task import Task


@dataclass(frozen=True, slots=True)
class Listed:
    """An accepted example, as far as it is needed to decide whether a training set takes it."""

    id: str
    label: str
    method: str
    text: str
    unit: str  # of its negatives, if it is one: see `negative_unit`
    kind: str  # of negatives; empty where it has none
    place: int  # where the whole example is


class Examples:
    """Whole examples, in a file that is gone with it."""

    def __init__(self, task: Task) -> None:
        """Open an empty collection of examples of a task."""
        self._task, self._spool = task, Spool(task.example_type)

    def add(self, example: Any) -> Listed:
        """Keep an accepted example, and list it."""
        return Listed(
            id=example.id,
            label=intern(example.label),
            method=intern(example.method),
            text=self._task.text(example),
            unit=intern(negative_unit(getattr(example, "near", None), self._task.surface(example))),
            kind=intern(str(getattr(example, "kind", ""))),
            place=self._spool.add(example),
        )

    def whole(self, listed: Listed) -> Any:
        """The example that is listed."""
        return self._spool.at(listed.place)

    def masked(self, listed: Listed) -> str:
        """Its text with what it can be renamed in masked."""
        return self._task.masked(self.whole(listed))
