"""What is read and written: texts, their sentences and mentions, and triples. All offsets count characters."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, StrictInt, StrictStr, model_validator

from relseed.pipeline.errors import UserError
from relseed.records.files import DataError, read_text, scan_records
from relseed.tasks.relation import Mention
from relseed.tasks.relation.passages import Span

DocumentId = str | int


class Document(BaseModel):
    """A text with its sentences and the mentions in them, offsets in the text."""

    model_config = ConfigDict(frozen=True)

    text: str
    sentences: tuple[Span, ...]
    mentions: tuple[Mention, ...]

    @model_validator(mode="after")
    def _spans_fit(self) -> "Document":
        spans: list[Span | Mention] = [*self.sentences, *self.mentions]
        for span in spans:
            if not 0 <= span.start < span.end <= len(self.text):
                raise ValueError(f"{span.start}:{span.end} does not fit the text of {len(self.text)} characters")
        return self


class FoundMention(Span):
    """A mention with its words."""

    text: str
    type: str


class Triple(BaseModel):
    """A relation that an extractor asserts between two mentions of a document, with its probability."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    document: DocumentId
    head: FoundMention
    relation: str
    tail: FoundMention
    probability: float
    sentence: Span

    def describe(self) -> str:
        """The triple in one line: relation, mentions, probability, document and offsets of the mentions."""
        spans = (self.head, self.tail)
        words = " -> ".join(" ".join(span.text.split()) for span in spans)
        offsets = " -> ".join(f"{span.start}:{span.end}" for span in spans)
        return f"{self.relation}  {words}  {self.probability:.3f}  {self.document} {offsets}"


class _Line(BaseModel):
    id: StrictStr | StrictInt | None = None
    text: StrictStr


def read_texts(path: Path) -> Iterator[tuple[DocumentId, str]]:
    """Yield (id, text) of each document in a file as it is read.

    A .txt file is one document under the file's name. In a .jsonl file each line is one: `text`, and `id` if there is
    one, else it gets the file's name and the number of its line.

    Raises:
        DataError: The file is missing, a line has no text, or there is no text at all.
        UserError: It is a file of another kind.
    """
    if path.suffix.lower() not in (".txt", ".jsonl"):
        raise UserError(f"{path}: a .txt file (one document) or a .jsonl file (`text` on each line) is read")
    texts = iter([(path.stem, read_text(path))]) if path.suffix.lower() == ".txt" else _lines(path)
    blank = True
    for id, text in texts:
        blank = blank and not text.strip()
        yield id, text
    if blank:
        raise DataError(path, None, "holds no text")


def _lines(path: Path) -> Iterator[tuple[DocumentId, str]]:
    for number, line in scan_records(path, _Line):
        if isinstance(line, DataError):
            raise line
        yield (f"{path.stem}-{number}" if line.id is None else line.id), line.text
