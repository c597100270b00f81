"""Reading chat completions in the form of the OpenAI protocol, also odd ones: a response was paid for."""

from collections.abc import Mapping
from typing import Any

from relseed.llm.engines.statuses import NO_QUOTA
from relseed.llm.request import Response

# What reading a body raises that is no chat completion; pydantic's and JSON's errors are ValueErrors.
MALFORMED = (AttributeError, TypeError, LookupError, ValueError, RecursionError)

_FAULTS = ("abort", "error")  # reasons to finish with which servers say that they broke off
_FILTERED = "content_filter"
_CODES = {NO_QUOTA: 429, "rate_limit_exceeded": 429, "rate_limit_error": 429, "overloaded_error": 503}
_SERVER_FAULT = 500


class CompletionFaultError(Exception):
    """A completion of status 200 that says of an error, or holds no choice.

    `status` is the one that it should have, None where it says of no error; `code` is what it says of the error's kind.
    """

    def __init__(self, words: str, status: int | None = None, code: object = None) -> None:
        super().__init__(words)
        self.status_code, self.code = status, code


def read_completion(completion: Any, *, engine: str, model: str, seconds: float | None) -> Response:
    """The first choice of a chat completion; `model` where it names none.

    Its text is all that must be there: what else is missing or odd counts as not said.

    Raises:
        CompletionFaultError: It says that the server broke off, and why, or has no choice.
        Exception: One of `MALFORMED`: it is no chat completion.
    """
    if not (choices := getattr(completion, "choices", None)) and (error := getattr(completion, "error", None)):
        raise _fault(error)
    if choices == []:
        raise CompletionFaultError("the response has no choices")
    if choices is None:
        raise TypeError("there are no choices")
    choice = choices[0]
    if choice.finish_reason in _FAULTS or (getattr(choice, "error", None) and not choice.message.content):
        raise _fault(getattr(choice, "error", None) or f"the server broke off ({choice.finish_reason})")
    finish, refusal = _word(choice.finish_reason, "unknown"), _refusal(choice)
    return Response(
        text=_text(choice.message.content),
        finish=finish,
        prompt_tokens=_count(completion, "prompt_tokens"),
        completion_tokens=_count(completion, "completion_tokens"),
        seconds=seconds,
        engine=engine,
        model=_word(getattr(completion, "model", None), model),
        **({} if refusal is None else {"refusal": refusal}),
    )


def _fault(error: Any) -> CompletionFaultError:
    """What a server says of an error in place of a response; `code` is a status, or a word for one."""
    if not isinstance(error, Mapping):
        return CompletionFaultError(str(error), _SERVER_FAULT)
    code, words = error.get("code"), str(error.get("message") or error)
    if isinstance(code, str) and code.isascii() and code.isdigit():
        code = int(code)
    if isinstance(code, int) and 400 <= code < 600:
        return CompletionFaultError(words, code, code)
    status = _CODES.get(str(code)) or _CODES.get(str(error.get("type"))) or _SERVER_FAULT
    return CompletionFaultError(words, status, code)


def _refusal(choice: Any) -> str | None:
    """Why the model did not do what it was asked; None where it did, or where nothing tells."""
    words = getattr(choice.message, "refusal", None)
    if isinstance(words, str) and words.strip():
        return words
    return "a content filter held the response back" if choice.finish_reason == _FILTERED else None


def _text(content: Any) -> str:
    """The text of a message: a string, or the texts among its parts; none where it has no content."""
    if content is None:
        return ""
    if isinstance(content, list):
        return "".join(map(_part, content))
    if not isinstance(content, str):
        raise TypeError(f"the content of the message is {type(content).__name__}")
    return content


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    text = part.get("text") if isinstance(part, Mapping) else None
    return text if isinstance(text, str) else ""


def _word(value: Any, default: str) -> str:
    return value if isinstance(value, str) and value else default


def _count(completion: Any, name: str) -> int | None:
    usage = getattr(completion, "usage", None)
    count = usage.get(name) if isinstance(usage, Mapping) else getattr(usage, name, None)
    return count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None
