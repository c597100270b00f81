"""What an LLM is asked, and what it answered."""

import hashlib
import json
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, NonNegativeInt, PositiveInt

# Part of every key: raise it when the same fields come to mean another request.
SCHEME = 1


# What reading a body raises that is no chat completion; pydantic's and JSON's errors are ValueErrors.
MALFORMED = (AttributeError, TypeError, LookupError, ValueError, RecursionError)

# Servers send lone surrogates when a token ends inside a character: UTF-8 has none, so they become question marks.
Text = Annotated[str, BeforeValidator(lambda text: text.encode("utf-8", "replace").decode() if text else "")]


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
    temperature: float = Field(ge=0)
    top_p: float = Field(gt=0, le=1)
    max_tokens: PositiveInt  # of the response
    seed: NonNegativeInt

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
        """The request as the body of an OpenAI chat completion."""
        body: dict[str, Any] = self.model_dump(mode="json", exclude={"revision", "adapter", "response_schema"})
        body["model"] = self.adapter or self.model  # servers take an adapter for a model of its own
        if self.response_schema is not None and "regex" in self.response_schema:
            body["structured_outputs"] = self.response_schema  # of vLLM: the protocol itself has no such thing
        elif self.response_schema is not None:
            schema = {"name": "answer", "schema": self.response_schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body


class Response(BaseModel):
    """What an LLM answered, verbatim, and what it took."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: Text
    finish: str  # stop, length (cut off) or whatever else the engine says
    prompt_tokens: NonNegativeInt | None  # None where the engine does not count them
    completion_tokens: NonNegativeInt | None
    seconds: float | None = Field(ge=0)  # from request to response; None where nobody measured
    engine: str
    model: str  # as the engine names it

    @classmethod
    def of(cls, completion: Any, *, engine: str, model: str, seconds: float | None) -> "Response":
        """The first choice of a chat completion in the form of the OpenAI protocol; `model` where it names none."""
        choice, usage = completion.choices[0], completion.usage
        return cls(
            text=choice.message.content or "",
            finish=choice.finish_reason or "unknown",
            prompt_tokens=usage.prompt_tokens if usage else None,
            completion_tokens=usage.completion_tokens if usage else None,
            seconds=seconds,
            engine=engine,
            model=completion.model or model,
        )

    @property
    def counted(self) -> bool:
        """Whether the engine said how many tokens it took."""
        return self.prompt_tokens is not None and self.completion_tokens is not None

    @property
    def truncated(self) -> bool:
        """Whether it was cut off at the most tokens allowed: what is there is not all of it."""
        return self.finish == "length"


class RequestFailedError(Exception):
    """An engine gave up on one request; `reason` is a word to count by, the message says more."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
