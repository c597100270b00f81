"""What an error that came in place of an answer means: for its request, and for all others."""

from openai import APIConnectionError, APIStatusError, APITimeoutError

from relseed.llm.engines.completions import EngineError, error_text
from relseed.llm.engines.statuses import NON_RETRYABLE, fatal_hint

BUSY = 429
_SHOWN = 500  # characters of a body in no form that is known


class MalformedResponseError(Exception):
    """A response of status 200 that is no chat completion, or holds no choice."""


OURS = (EngineError, MalformedResponseError, TimeoutError)


def status_of(error: BaseException | None) -> int | None:
    """The HTTP status of an error, also of one that came with status 200; None where it has none."""
    return error.status_code if isinstance(error, APIStatusError) else getattr(error, "status", None)


def said_of(error: BaseException) -> str:
    """What an endpoint says of an error; all of the body where that is in no form that is known."""
    if not isinstance(error, APIStatusError):
        return str(error)
    said = error_text(error.body if isinstance(error.body, dict) else {}) or error_text({"error": error.body})
    return f"status {error.status_code}: {said or error.response.text[:_SHOWN] or error.message}"


def hint_of(error: BaseException) -> str | None:
    """What a person can do, where every request would meet this error."""
    status = status_of(error)
    return None if status is None else fatal_hint(status, getattr(error, "code", None))


def is_busy(error: BaseException) -> bool:
    """Whether it is a rate limit, which time ends."""
    return status_of(error) == BUSY and not hint_of(error)


def is_down(error: BaseException | None) -> bool:
    """Whether an endpoint may be starting or restarting: it cannot be reached, or says that it is at fault."""
    return status_of(error) is not None or (
        isinstance(error, APIConnectionError) and not isinstance(error, APITimeoutError)
    )


def is_transient(error: BaseException) -> bool:
    """Whether the same request may be answered if it is sent again soon."""
    if (status := status_of(error)) is not None:
        return not (status == BUSY or status in NON_RETRYABLE or hint_of(error))
    return isinstance(error, APIConnectionError | MalformedResponseError | TimeoutError)
