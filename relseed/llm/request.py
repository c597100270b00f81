"""What an LLM is asked, and what it answered."""

import hashlib
import json
import re
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, NonNegativeInt, PositiveInt

from relseed.pipeline.errors import printable
from relseed.pipeline.secrets import redacted

# Part of every key: raise it when the same fields come to mean another request.
SCHEME = 1

# What an engine says of an answer that it broke off itself: what is there is a part of one, of whatever length.
BROKEN_OFF = frozenset({"abort", "aborted", "cancelled", "canceled", "error", "insufficient_system_resource"})
# What it says of an answer that it ended before the model did: what is there may be whole but for its end.
_CUT_OFF = frozenset({"length", "max_tokens", "max_output_tokens", "model_length"})

# Thoughts in an answer, as reasoning models mark them.
_OPENED = re.compile(r"\s*(?:<(think|thinking|thoughts?|reasoning)>|\[THINK\])", re.IGNORECASE)
_CLOSED = re.compile(r"(?:</(?:think|thinking|thoughts?|reasoning)>|\[/THINK\])", re.IGNORECASE)


def _text(text: str) -> str:
    # Servers send lone surrogates when a token ends inside a character: UTF-8 has none, so they become question marks.
    return redacted(text.encode("utf-8", "replace").decode())


Text = Annotated[str, BeforeValidator(_text)]  # as a server sent it, but fit to be written


class Message(BaseModel):
    """One turn of a conversation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Literal["system", "user", "assistant"]
    content: str


class Request(BaseModel):
    """All that determines a response: whatever is no field here must not change what comes back."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)

    model: str = Field(min_length=1)
    revision: str | None = None  # of the model's weights, where it has one
    adapter: str | None = None  # a LoRA adapter on it, by the name that the engine knows
    messages: tuple[Message, ...] = Field(min_length=1)
    # JSON schema that the response must fit, or {"regex": ...}; None: free text. `answer` is a part of every key.
    response_schema: dict[str, Any] | None = Field(
        default=None, validation_alias=AliasChoices("response_schema", "answer"), serialization_alias="answer"
    )
    temperature: float | None = Field(ge=0)  # None: left to the engine, as all parameters here
    top_p: float | None = Field(gt=0, le=1)
    max_tokens: PositiveInt  # of the response
    seed: NonNegativeInt  # tells two requests with the same messages apart, also where it is not sent
    # What requests to most models lack is no part of their keys.
    sends_seed: bool = Field(default=True, exclude_if=lambda sent: sent)
    reasoning_effort: str | None = Field(default=None, exclude_if=lambda effort: effort is None)
    limit_name: str = Field(default="max_tokens", exclude=True)  # how the endpoint calls `max_tokens`

    @cached_property
    def canonical(self) -> str:
        """The request, with the scheme of its key, as JSON that is the same on every machine."""
        return json.dumps(
            {"scheme": SCHEME, **self.model_dump(mode="json")},
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
            allow_nan=False,
        )

    @cached_property
    def key(self) -> str:
        """SHA-256 of the canonical request in hexadecimal."""
        return hashlib.sha256(self.canonical.encode()).hexdigest()

    def body(self) -> dict[str, Any]:
        """The request as the body of an OpenAI chat completion; what is None is left out."""
        apart = {"revision", "adapter", "response_schema", "max_tokens", "sends_seed"}
        body: dict[str, Any] = self.model_dump(mode="json", exclude=apart, exclude_none=True)
        body["model"] = self.adapter or self.model  # servers take an adapter for a model of its own
        body[self.limit_name] = self.max_tokens
        if not self.sends_seed:
            del body["seed"]
        if self.response_schema is not None and "regex" in self.response_schema:
            body["structured_outputs"] = self.response_schema  # of vLLM: the protocol itself has no such thing
        elif self.response_schema is not None:
            schema = {"name": "answer", "schema": self.response_schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body


class Response(BaseModel):
    """What an LLM answered, verbatim, and what it took."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: Text  # without thoughts
    finish: Text  # stop, length (cut off) or whatever else the engine says
    prompt_tokens: NonNegativeInt | None  # None where the engine does not count them
    completion_tokens: NonNegativeInt | None
    seconds: float | None = Field(ge=0)  # from request to response; None where nobody measured
    engine: str
    model: Text  # as the engine names it
    # What other responses lack is not written.
    refusal: Text | None = Field(default=None, exclude_if=lambda words: words is None)  # why it did not do it
    thoughts: Text = Field(default="", exclude_if=lambda thoughts: not thoughts)  # of a reasoning model
    thought_tokens: NonNegativeInt | None = Field(default=None, exclude_if=lambda count: count is None)

    @property
    def counted(self) -> bool:
        """Whether the engine said how many tokens it took."""
        return self.prompt_tokens is not None and self.completion_tokens is not None

    @property
    def truncated(self) -> bool:
        """Whether it was cut off, at the most tokens allowed: what is there is not all of it."""
        return self.finish.casefold() in _CUT_OFF

    @property
    def broken_off(self) -> bool:
        """Whether the engine broke it off: it is no answer, and asking again may bring one."""
        return self.finish.casefold() in BROKEN_OFF


def split_thoughts(text: str) -> tuple[str, str]:
    """The thoughts that a text begins with, in tags as models write them, and the answer behind them.

    A tag that is closed and was not opened was opened by the prompt. Thoughts without an end have no answer behind.
    """
    thoughts: list[str] = []
    rest = text
    while (opened := _OPENED.match(rest)) or (not thoughts and _CLOSED.search(rest)):
        start, closed = opened.end() if opened else 0, _CLOSED.search(rest)
        thoughts.append(rest[start : closed.start() if closed else None].strip())
        rest = rest[closed.end() :].lstrip() if closed else ""
    return "\n\n".join(filter(None, thoughts)), rest


class RequestFailedError(Exception):
    """An engine gave up on one request; `reason` is a word to count by, the message says more."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(printable(f"{reason}: {detail}"))
        self.reason = reason
