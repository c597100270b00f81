"""What every reader returns: a dataset in the one record format, with where it came from."""

from dataclasses import dataclass, field

from relseed.tasks.relation import Example, Schema, Split


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset read from its published form.

    Attributes:
        name: What people call it.
        licence: The licence of its text, as its publisher states it.
        source: Where it was published.
        schema: Its relations, in a fixed order.
        splits: The examples of train, validation and test, in the order that sampling starts from.
        notes: What a user must know of the reading: records left out and why, labels merged.
    """

    name: str
    licence: str
    source: str
    schema: Schema
    splits: dict[Split, list[Example]]
    notes: list[str] = field(default_factory=list)
