"""JSON Lines files of typed records, validated as they are read."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import output_file

Record = TypeVar("Record", bound=BaseModel)


class DataError(UserError):
    """A file of data is not what it should be; the message names file, place, cause and cure.

    The place is a line number, or words where lines mean nothing (`record 3 of a JSON list`).
    """

    def __init__(self, path: Path, place: int | str | None, problem: str) -> None:
        if isinstance(place, int):
            super().__init__(f"{path}:{place}: {problem}")
        else:
            super().__init__(": ".join(str(part) for part in (path, place, problem) if part))


def problem_of(error: ValidationError) -> str:
    """Say in one line what pydantic found wrong with a record."""
    return "; ".join(_say(problem) for problem in error.errors())


def _say(problem: Any) -> str:
    place = ".".join(map(str, problem["loc"]))
    message = problem["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message


def read_text(path: Path, *, cure: str = "") -> str:
    """Read a UTF-8 text file, with or without BOM, its line ends as they are.

    Raises:
        DataError: The file is missing or not UTF-8; `cure` says what to do about a missing one.
    """
    if not path.is_file():
        raise DataError(path, None, f"file not found{': ' + cure if cure else ''}")
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(path, None, f"not UTF-8 at byte {error.start}: save the file as UTF-8") from None


def read_lines(path: Path, *, cure: str = "") -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end) of a UTF-8 text file, with or without BOM, as it is read.

    Only `\\n` and `\\r\\n` end a line: texts may hold other separators that Python would split at.

    Raises:
        DataError: The file is missing or a line is not UTF-8; `cure` says what to do about a missing file.
    """
    if not path.is_file():
        raise DataError(path, None, f"file not found{': ' + cure if cure else ''}")
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                problem = f"not UTF-8 at byte {error.start} of the line: save the file as UTF-8"
                raise DataError(path, number, problem) from None
            yield number, line.removesuffix("\n").removesuffix("\r")


def read_json_lines(path: Path, *, cure: str = "") -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) of a JSON Lines file, blank lines left out.

    Raises:
        DataError: The file is missing, or a line is not a JSON object.
    """
    for number, line in read_lines(path, cure=cure):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            # Python reads NaN and lone surrogates, which cannot be written again as JSON in UTF-8.
            json.dumps(record, allow_nan=False, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise DataError(path, number, f"not JSON ({error}): each line is one object") from None
        if not isinstance(record, dict):
            raise DataError(path, number, "not a JSON object: each line is one object")
        yield number, record


def read_records(path: Path, kind: type[Record], *, cure: str = "") -> Iterator[tuple[int, Record]]:
    """Yield (line number, validated record) of a JSON Lines file.

    Raises:
        DataError: The file is missing, or a line does not hold a valid record.
    """
    for number, values in read_json_lines(path, cure=cure):
        try:
            yield number, kind.model_validate(values)
        except ValidationError as error:
            raise DataError(path, number, problem_of(error)) from None


def read_output(path: Path, kind: type[Record], *, stage: str) -> Record:
    """Read what a stage (as `dvc repro` names it) wrote as one JSON object.

    Raises:
        DataError: The file is missing, or is not what the stage writes now.
    """
    text = read_text(path, cure=f"build it with `dvc repro {stage}`")
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise DataError(path, None, f"{problem_of(error)}; build it again with `dvc repro -f {stage}`") from None


def md5_of(path: Path) -> str:
    """The MD5 of a file in hexadecimal, as DVC records it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def write_records(path: Path, records: Iterable[BaseModel]) -> None:
    """Write records as JSON Lines, whole or not at all, each with the fields that it was given."""
    write_json_lines(path, (record.model_dump(exclude_unset=True) for record in records))


def write_json_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Write objects as JSON Lines as they come, whole or not at all."""
    with output_file(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def read_json(path: Path, *, stage: str = "") -> Any:
    """Read what a stage wrote as JSON, as plain values.

    Raises:
        DataError: The file is missing, or is not JSON.
    """
    text = read_text(path, cure=f"build it with `dvc repro {stage}`" if stage else "")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(path, error.lineno, f"not JSON ({error.msg})") from None
