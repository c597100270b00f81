"""A file that is one JSON value as a whole."""

import json
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from relseed.records.files import DataError, problem_of, read_text

Value = TypeVar("Value")


def read_json_as(path: Path, kind: type[Value], *, cure: str) -> Value:
    """Read a file that a publisher wrote as one JSON value of a type; `cure` says what to do about a missing one.

    Raises:
        DataError: The file is missing, no JSON, or holds something else.
    """
    try:
        return TypeAdapter(kind).validate_python(json.loads(read_text(path, cure=cure)))
    except json.JSONDecodeError as error:
        raise DataError(path, error.lineno, f"not JSON ({error.msg})") from None
    except ValidationError as error:
        raise DataError(path, None, problem_of(error)) from None
