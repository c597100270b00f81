"""What every reader returns: a dataset of a task in the one record format, with where it came from."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from relseed.pipeline.errors import UserError
from relseed.pipeline.named import load
from relseed.records.files import Located
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
        located: The examples of train, validation and test, in the order that sampling starts from, and where each
            stands.
        notes: What a user must know of the reading: records left out and why, labels merged.
        published: Whether others have published it and score on it as it is: then nothing in it is an error that
            can be read at all.
        passages: Texts whose every pair of mentions is labelled; the task `relation` alone has some.
    """

    name: str
    licence: str
    source: str
    task: Task
    schema: Any
    located: dict[Split, list[Located]]
    notes: list[str] = field(default_factory=list)
    published: bool = False
    passages: list[Any] = field(default_factory=list)

    @property
    def splits(self) -> dict[Split, list[Any]]:
        """The examples alone."""
        return {split: [one.example for one in located] for split, located in self.located.items()}


def read_dataset(folder: Path, *, format: str, task: Task, domain: str | None) -> Dataset:
    """Read a dataset in a format, which is the name of its reader.

    Raises:
        UserError: There is no such format, it has no domains or needs one, it is one of another task, or what the
            reader raises.
    """
    reader = load("relseed.datasets", format, "format of datasets")
    if (format == "crossre") is (domain is None):
        raise UserError("crossre, and it alone, has domains: ai, literature, music, news, politics or science")
    found: Dataset = reader.read(folder, task=task, domain=domain)
    if found.task is not task:
        raise UserError(f"{found.name} is a dataset of the task {found.task.name}: set `task` to that")
    return found
