"""What was asked and answered, request by request: the lines of `data/candidates/<method>.jsonl`."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from relseed.llm.request import Completion, Request
from relseed.records.files import read_records
from relseed.tasks.relation.written import Draft


class Answer(BaseModel):
    """One request, the completion verbatim, and what it was parsed into.

    Seconds are left out of the file: data that depends on a clock is never the same twice. The cache keeps them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str  # <method>/<relation>/<number>, or explain/<id of the seed>/<number>
    request: Request
    completion: Completion | None  # None where the engine refused
    refusal: str | None = None
    drafts: tuple[Draft, ...] = ()

    @property
    def relation(self) -> str:
        """The label that samples were asked of, as it stands in the id."""
        return self.id.split("/", 1)[1].rpartition("/")[0]

    def timeless(self) -> "Answer":
        """The same without its seconds."""
        if self.completion is None:
            return self
        return self.model_copy(update={"completion": self.completion.model_copy(update={"seconds": None})})


def read_answers(path: Path) -> list[Answer]:
    """Read a file of candidates.

    Raises:
        DataError: The file is missing, or a line is no answer.
    """
    return [answer for _, answer in read_records(path, Answer, cure="build it with `dvc repro`")]
