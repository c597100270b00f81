"""The form that an answer must have, and reading what came, constrained or not."""

import json
from typing import Any

from pydantic import ValidationError

from relseed.records.files import problem_of


def json_schema(**properties: Any) -> dict[str, Any]:
    """The JSON schema of an object that has all these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def json_object(text: str) -> dict[str, Any]:
    """The JSON object that an answer is, or holds in a fenced block or between words.

    Raises:
        ValueError: There is none.
    """
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        raise ValueError("the answer holds no JSON object")
    value: dict[str, Any] = json.loads(text[start : end + 1])
    # Python reads lone surrogates, which cannot be written as UTF-8.
    json.dumps(value, ensure_ascii=False).encode()
    return value


def say(error: Exception) -> str:
    """What is wrong with an answer, in one line."""
    return problem_of(error) if isinstance(error, ValidationError) else str(error)
