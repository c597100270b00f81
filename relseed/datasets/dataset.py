"""What every reader returns: a dataset of a task in the one record format, with where it came from."""

from dataclasses import dataclass, field
from typing import Any

from relseed.tasks.task import Split, Task


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset read from its published form.

    A reader is a module of relseed.datasets with a function `read(folder, *, task, domain)`.

    Attributes:
        name: What people call it.
        licence: The licence of its text, as its publisher states it.
        source: Where it was published.
        task: What is labelled in it.
        schema: Its labels, in a fixed order.
        splits: The examples of train, validation and test, in the order that sampling starts from.
        notes: What a user must know of the reading: records left out and why, labels merged.
    """

    name: str
    licence: str
    source: str
    task: Task
    schema: Any
    splits: dict[Split, list[Any]]
    notes: list[str] = field(default_factory=list)
