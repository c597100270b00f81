"""Reading a chat completion, in the form of OpenAI's protocol or of Anthropic's messages: answer, thoughts, counts.

What the answer does not hang on is read leniently, since the answer was paid for: counts that are none are unknown,
content in parts is joined. What is no answer is an error with the engine's own words.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from relseed.llm.request import BROKEN_OFF, Response, split_thoughts

_STATUSES = {  # of errors that come with a name in place of a number
    "authentication_error": 401,
    "billing_error": 402,
    "insufficient_quota": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "invalid_request_error": 400,
    "invalid_prompt": 400,
    "context_length_exceeded": 400,
    "content_filter": 400,
    "badrequesterror": 400,
}
_ERROR_STATUSES = range(400, 600)
_UNSAID = {  # why there is no answer, by how it finished
    "refusal": "the model does not say why",
    "content_filter": "a content filter held the response back",
}
_NO_ANSWER = 500  # of an error that does not say what kind it is: one that may pass


class EngineError(Exception):
    """What came with status 200 says that there is no answer; `status` is that of the error, by HTTP."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def read_completion(body: Any, *, engine: str, model: str, seconds: float | None) -> Response:
    """The answer in the body of a response; `model` where it names none.

    Raises:
        EngineError: It says that there is no answer, or no more than a part of one that the engine broke off.
        ValueError: It is no completion, or holds no choice.
    """
    if not isinstance(body, Mapping):
        raise ValueError(f"the response is no JSON object but {_short(body)}")
    if problem := _error_in(body):
        raise problem
    message, finish = _message(body)
    finish = finish if isinstance(finish, str) and finish else "unknown"
    if finish.casefold() in BROKEN_OFF:
        raise EngineError(_NO_ANSWER, f"the engine broke the answer off (it finished with {finish!r})")
    content, apart = _content(message.get("content"))
    usage = _mapping(body.get("usage"))
    details = _mapping(usage.get("completion_tokens_details"))
    said, answer = split_thoughts(content)
    apart = (_text(message.get("reasoning_content")) or _text(message.get("reasoning"))) + apart + said
    return Response(
        text=answer,
        finish=finish,
        prompt_tokens=_count(usage.get("prompt_tokens", usage.get("input_tokens"))),
        completion_tokens=_count(usage.get("completion_tokens", usage.get("output_tokens"))),
        seconds=seconds,
        engine=engine,
        model=_text(body.get("model")) or model,
        refusal=_refusal(message, finish, content),
        thoughts=apart,
        thought_tokens=_count(details.get("reasoning_tokens")),
    )


def error_text(body: Any) -> str:
    """What a body says of an error, in the engine's own words, whatever its form."""
    body = _mapping(body)
    for key in ("error", "detail", "message"):
        if said := body.get(key):
            said = _mapping(said).get("message") or said
            return said if isinstance(said, str) else _short(said)
    return ""


def _error_in(body: Mapping[str, Any]) -> EngineError | None:
    """The error that a body holds in place of an answer, or beside a part of one."""
    choice = next(iter(_list(body.get("choices"))), None)
    for error in (body.get("error"), _mapping(choice).get("error")):
        if error:
            return EngineError(status_of(error), f"the engine says: {error_text({'error': error})}")
    if "choices" in body or "content" in body or not (said := error_text(body)):
        return None
    return EngineError(status_of(body), f"the engine says: {said}")


def _refusal(message: Mapping[str, Any], finish: str, content: str) -> str | None:
    """Why the model did not do what it was asked; None where it did, or where nothing tells."""
    if (words := _text(message.get("refusal"))).strip():
        return words
    if finish == "refusal" and content:  # of Anthropic's form: the words of the model are its text
        return content
    return _UNSAID.get(finish)


def status_of(error: Any) -> int:
    """The HTTP status of an error by its code or the name of its kind."""
    error = _mapping(error)
    for key in ("code", "status", "status_code", "type"):
        value = error.get(key)
        number = int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdecimal()) else None
        if number in _ERROR_STATUSES:
            return int(number or _NO_ANSWER)
        if isinstance(value, str) and value.casefold() in _STATUSES:
            return _STATUSES[value.casefold()]
    return _NO_ANSWER


def _message(body: Mapping[str, Any]) -> tuple[Mapping[str, Any], Any]:
    """The message of the first choice, and how it finished; of Anthropic's form the body is the message."""
    if "choices" not in body and isinstance(body.get("content"), list):
        return body, body.get("stop_reason")
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        raise ValueError("the response has no choices")
    if not isinstance(choices[0], Mapping) or not isinstance(choices[0].get("message"), Mapping):
        raise ValueError("the first choice of the response has no message")
    return choices[0]["message"], choices[0].get("finish_reason")


def _content(content: Any) -> tuple[str, str]:
    """Text, and thoughts that stand apart from it, of content that is a text, a list of parts, or nothing.

    Raises:
        ValueError: It is something else.
    """
    if content is None or isinstance(content, str):
        return content or "", ""
    parts = [content] if isinstance(content, Mapping) else content
    if not isinstance(parts, list) or not all(isinstance(part, str | Mapping) for part in parts):
        raise ValueError(f"the content of the message is neither a text nor a list of parts: {_short(content)}")
    texts, thoughts = [], []
    for part in parts:
        if isinstance(part, str) or part.get("type") in ("text", "output_text", None):
            texts.append(part if isinstance(part, str) else _text(part.get("text")))
        else:
            thoughts += list(_texts(part))
    return "".join(texts), "".join(thoughts)


def _texts(part: Any) -> Iterator[str]:
    """The texts of a part that holds thoughts, at whatever depth."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, list):
        for inner in part:
            yield from _texts(inner)
    elif isinstance(part, Mapping):
        for key in ("thinking", "reasoning", "text", "summary", "content"):
            yield from _texts(part.get(key))


def _count(value: Any) -> int | None:
    """A count of tokens; None where it is none: a fraction, a negative number, no number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or value != value // 1:
        return None
    return int(value)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _short(value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False, default=str)
    return shown if len(shown) <= 200 else f"{shown[:200]}..."
