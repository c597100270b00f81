"""JSON Lines files of typed records, validated as they are read."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import output_file

Record = TypeVar("Record", bound=BaseModel)
Found = TypeVar("Found")

SHOWN = 20  # errors in one message, at most


class DataError(UserError):
    """A file of data is not what it should be; the message names file, place, cause and cure.

    The place is a line number, or words where lines mean nothing (`record 3 of a JSON list`).
    """

    def __init__(self, path: Path, place: int | str | None, problem: str) -> None:
        super().__init__(f"{where(path, place)}: {problem}")


class BadLinesError(DataError):
    """Several lines are not what they should be: a line of the message for each of the first twenty, in their order."""

    def __init__(self, errors: Sequence[DataError]) -> None:
        self.errors = tuple(errors)
        more = [f"and {len(errors) - SHOWN} more"] if len(errors) > SHOWN else []
        UserError.__init__(self, "\n".join([*map(str, errors[:SHOWN]), *more]))


def where(path: Path, place: int | str | None) -> str:
    """A place in a file in words."""
    if isinstance(place, int):
        return f"{path}:{place}"
    return f"{path}: {place}" if place else str(path)


@dataclass(frozen=True, slots=True)
class Located:
    """An example, and where it stands: a line of a file, or words where lines mean nothing."""

    example: Any
    path: Path
    place: int | str

    def __str__(self) -> str:
        return where(self.path, self.place)


@contextmanager
def collecting(errors: list[DataError]) -> Iterator[None]:
    """Put an error of the block with the others, so that what comes after it is looked at, too."""
    try:
        yield
    except DataError as error:
        errors.append(error)


def raise_all(errors: Iterable[DataError]) -> None:
    """Raise what was found wrong, if anything: one error as it is, several as one.

    Raises:
        DataError: There is an error.
    """
    every = [one for error in errors for one in (error.errors if isinstance(error, BadLinesError) else (error,))]
    if every:
        raise every[0] if len(every) == 1 else BadLinesError(every)


def problem_of(error: ValueError) -> str:
    """Say in one line what is wrong with a record, whether pydantic found it or other code."""
    if not isinstance(error, ValidationError):
        return str(error)
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
    return _until_wrong(_scan_lines(path, cure))


def _scan_lines(path: Path, cure: str) -> Iterator[tuple[int, str | DataError]]:
    if not path.is_file():
        raise DataError(path, None, f"file not found{': ' + cure if cure else ''}")
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                problem = f"not UTF-8 at byte {error.start} of the line: save the file as UTF-8"
                yield number, DataError(path, number, problem)
            else:
                yield number, line.removesuffix("\n").removesuffix("\r")


def _until_wrong(lines: Iterable[tuple[int, Found | DataError]]) -> Iterator[tuple[int, Found]]:
    for number, found in lines:
        if isinstance(found, DataError):
            raise found
        yield number, found


def scan_json_lines(path: Path, *, cure: str = "") -> Iterator[tuple[int, dict[str, Any] | DataError]]:
    """Yield (line number, object, or why the line holds none) of a JSON Lines file, blank lines left out.

    Raises:
        DataError: The file is missing.
    """
    for number, line in _scan_lines(path, cure):
        if isinstance(line, DataError):
            yield number, line
        elif line.strip():
            yield number, _json_object(path, number, line)


def _json_object(path: Path, number: int, line: str) -> dict[str, Any] | DataError:
    try:
        record = json.loads(line, object_pairs_hook=_unique)
        # Python reads NaN and lone surrogates, which cannot be written again as JSON in UTF-8.
        json.dumps(record, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        return DataError(path, number, f"not JSON ({error}): each line is one object")
    if not isinstance(record, dict):
        return DataError(path, number, "not a JSON object: each line is one object")
    return record


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, none of whose keys stands twice: Python would keep the last alone."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands twice")
    return found


def read_json_lines(path: Path, *, cure: str = "") -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) of a JSON Lines file as it is read, blank lines left out.

    Raises:
        DataError: The file is missing, or a line is not a JSON object.
    """
    return _until_wrong(scan_json_lines(path, cure=cure))


def scan_records(path: Path, kind: type[Record], *, cure: str = "") -> Iterator[tuple[int, Record | DataError]]:
    """Yield (line number, validated record, or what is wrong with the line) of a JSON Lines file.

    Raises:
        DataError: The file is missing.
    """
    for number, values in scan_json_lines(path, cure=cure):
        if isinstance(values, DataError):
            yield number, values
            continue
        try:
            yield number, kind.model_validate(values)
        except ValidationError as error:
            yield number, DataError(path, number, problem_of(error))


def read_records(path: Path, kind: type[Record], *, cure: str = "") -> list[tuple[int, Record]]:
    """The (line number, validated record) pairs of a JSON Lines file.

    Raises:
        DataError: The file is missing, or lines do not hold valid records.
    """
    return list(each_good(scan_records(path, kind, cure=cure)))


def each_good(lines: Iterable[tuple[int, Found | DataError]]) -> Iterator[tuple[int, Found]]:
    """Yield what lines hold as they are read, up to the first that is wrong.

    Raises:
        DataError: Some are. All lines are looked at before it is raised.
    """
    errors: list[DataError] = []
    for number, found in lines:
        if isinstance(found, DataError):
            errors.append(found)
        elif not errors:
            yield number, found
    raise_all(errors)


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
    with json_lines_file(path) as add:
        for line in lines:
            add(line)


@contextmanager
def json_lines_file(path: Path) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Yield what adds an object to a file of JSON Lines, which is there, whole, if the block ends well."""
    with output_file(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:

        def add(line: Mapping[str, Any]) -> None:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

        yield add


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
