"""What an engine is: a module beside this one, with a function `opened` that answers requests in its block."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from relseed.llm.request import Request, Response
from relseed.pipeline.params import Params


@dataclass(frozen=True, slots=True)
class Setup:
    """What an engine may need to open; its own settings are a section of `engines`."""

    model: str
    revision: str | None
    adapter: str | None  # that answers all requests
    adapters: Mapping[str, str]  # folders by name, one of which each request names
    title: str  # of what is asked for, for the names of files
    reads: Path  # where recorded responses are
    params: Params


class Engine(Protocol):
    """Whatever answers requests."""

    name: str
    is_record: bool  # its responses are files that a person keeps: no cache under it, and nothing is paid for

    async def complete(self, request: Request) -> Response:
        """Get the response to one request, or raise `RequestFailedError`."""
        ...

    def halt(self) -> None:
        """Send nothing more: what was not sent fails, what is in flight comes in."""
        return

    def waiting(self) -> str | None:
        """What keeps responses from coming, in words; None while they come."""
        return None
