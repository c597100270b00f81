"""Entity tuples as records: the lines of `data/tuples.jsonl`, and of what was left out."""

from pydantic import BaseModel, ConfigDict, Field, field_validator

from relseed.quality.duplicates import normalise
from relseed.tasks.relation.tags import TAG


class EntityTuple(BaseModel):
    """Two names and the relation of the first to the second."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    head: str
    head_type: str | None = None
    relation: str
    tail: str
    tail_type: str | None = None
    source: str = Field(min_length=1)  # where it comes from: a request, or a line of a file

    @field_validator("head", "tail")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        """A name that a sentence can hold, without blanks around it."""
        plain = " ".join(name.split())
        if not any(map(str.isalnum, plain)):
            raise ValueError(f"{name!r} is no name: it has neither a letter nor a digit")
        if TAG.search(plain):
            raise ValueError(f"{name!r} holds a tag that marks mentions: remove it")
        return plain

    @property
    def names(self) -> tuple[str, str]:
        """Both names as they are compared: case and punctuation aside."""
        return normalise(self.head), normalise(self.tail)

    @property
    def reversed(self) -> "EntityTuple":
        """The same with head and tail exchanged."""
        return self.model_copy(
            update={
                "head": self.tail,
                "tail": self.head,
                "head_type": self.tail_type,
                "tail_type": self.head_type,
            }
        )


class LeftOut(BaseModel):
    """What did not become a tuple, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    reason: str  # to count by
    found: str  # what stood there
