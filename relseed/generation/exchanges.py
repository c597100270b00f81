"""What was asked and answered, request by request: the lines of `data/candidates/<method>.jsonl`."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from relseed.llm.request import Request, Response
from relseed.records.candidates import Candidate, unit_of
from relseed.records.files import each_good, scan_records


class Exchange(BaseModel):
    """One request, the response verbatim, and the candidates that it was parsed into.

    What is made by rule has candidates alone, under the id that a request for its unit would have.

    Seconds are left out of the file: data that depends on a clock is never the same twice. The cache keeps them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str  # of the request
    request: Request | None  # None where the candidates were made by rule
    response: Response | None  # None where the engine refused, or where nothing was asked
    refusal: str | None = None
    after: str | None = None  # the id of the example that the request shows, where one decides what comes
    skipped: str | None = None  # why nothing was asked: the method is optional, and this is what it lacks
    candidates: tuple[Candidate, ...] = ()

    @property
    def unit(self) -> str:
        """What was asked for: a label, or what its loop has for units."""
        return unit_of(self.id)

    def without_seconds(self) -> "Exchange":
        """The same without what a clock decides."""
        if self.response is None:
            return self
        return self.model_copy(update={"response": self.response.model_copy(update={"seconds": None})})


def generations(exchanges: Iterable[Exchange]) -> dict[str, int]:
    """How many examples were written one after another up to each candidate of a method that shows one, by id.

    What was written after a seed is of generation 1; candidates of other methods are of none.
    """
    found: dict[str, int] = {}
    for exchange in exchanges:  # an example that is shown was written before
        if exchange.after is not None:
            own = found.get(exchange.after, 0) + 1
            found |= {candidate.id: own for candidate in exchange.candidates}
    return found


def read_exchanges(path: Path) -> Iterator[Exchange]:
    """Yield the exchanges of a file of candidates as they are read.

    Raises:
        DataError: The file is missing, or lines hold no exchange. Nothing after the first such line is yielded.
    """
    cure = f"build it with `dvc repro generate@{path.stem}`"
    return (exchange for _, exchange in each_good(scan_records(path, Exchange, cure=cure)))
