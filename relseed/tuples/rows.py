"""Rows of a table, one after another: a CSV file, tab-separated values, or JSON Lines."""

import csv
from collections.abc import Iterator
from pathlib import Path

from relseed.records.files import DataError, scan_json_lines

Row = dict[str, str | None]  # cells by column; an empty one is None

_DELIMITERS = {".csv": ",", ".tsv": "\t"}


def scan_rows(path: Path) -> Iterator[tuple[int, Row | DataError]]:
    """Yield (line on which it begins, row, or why there is none); what comes after a bad row is read, too.

    Raises:
        DataError: The file is missing, no table, or not UTF-8.
    """
    if path.suffix == ".jsonl":
        return _objects(path)
    if path.suffix not in _DELIMITERS:
        raise DataError(path, None, "not a table: it must be a .csv, .tsv or .jsonl file")
    if not path.is_file():
        raise DataError(path, None, "file not found: see `tuples.reads` in params.yaml")
    return _cells(path)


def _objects(path: Path) -> Iterator[tuple[int, Row | DataError]]:
    for line, found in scan_json_lines(path, cure="see `tuples.reads` in params.yaml"):
        if isinstance(found, DataError):
            yield line, found
        elif wrong := [name for name, value in found.items() if not isinstance(value, str | None)]:
            yield line, DataError(path, line, f"{wrong[0]} is no text: put it into quotes")
        else:
            yield line, {name: (value or "").strip() or None for name, value in found.items()}


def _cells(path: Path) -> Iterator[tuple[int, Row | DataError]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=_DELIMITERS[path.suffix], strict=True)
        header: list[str] = []
        while True:
            line = reader.line_num + 1
            try:
                cells = [cell.strip() for cell in next(reader)]
            except StopIteration:
                return
            except csv.Error as error:
                yield line, DataError(path, line, f"not a row of a table ({error}): check the quotes")
                continue
            except UnicodeDecodeError as error:
                raise DataError(path, line, f"not UTF-8 ({error.reason}): save the file as UTF-8") from None
            if not any(cells):
                continue
            if not header:
                header = cells
            elif len(cells) != len(header):
                problem = f"{len(cells)} cells under {len(header)} columns: check the quotes and the separators"
                yield line, DataError(path, line, problem)
            else:
                yield line, {name: cell or None for name, cell in zip(header, cells, strict=True)}
