"""The candidates of a ranking with their scores, relation by relation, however many there are.

Files of scores hold examples method by method, and a ranking needs those about a tuple together: they are put into an
SQLite file for the time of the stage, so that memory holds the candidates of one relation alone.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

from relseed.pipeline.errors import UserError
from relseed.ranking.settings import Ranking
from relseed.records.files import DataError, problem_of, read_json_lines
from relseed.records.scores import ScoredExample


@dataclass(frozen=True, slots=True)
class Scored:
    """An accepted example about a tuple, with its scores by criterion."""

    id: str
    tuple: str
    method: str
    scores: dict[str, float]
    example: dict[str, Any]


class Candidates(AbstractContextManager["Candidates"]):
    """All candidates of a ranking."""

    def __init__(self, settings: Ranking) -> None:
        """Open an empty collection, which is gone when the block ends."""
        self._settings = settings
        self._folder = TemporaryDirectory(prefix="relseed-ranking-")
        self._db = sqlite3.connect(Path(self._folder.name) / "candidates.sqlite")
        columns = ", ".join(f"score_{at} REAL" for at in range(len(settings.criteria)))
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(
            "CREATE TABLE candidates "
            f"(id TEXT PRIMARY KEY, label TEXT, tuple TEXT, method TEXT, example TEXT, {columns})"
        )

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Remove the file."""
        self._db.close()
        self._folder.cleanup()

    def read(self, folder: Path) -> None:
        """Add the examples of the ranking's methods from the files of scores in a folder.

        Raises:
            DataError: A file is missing, or a line is no scored example about a tuple.
            UserError: An example has no score of a criterion.
        """
        for at, criterion in enumerate(self._settings.criteria):
            path = folder / f"{criterion}.jsonl"
            self._db.executemany(
                f"INSERT INTO candidates (id, label, tuple, method, example, score_{at}) VALUES (?, ?, ?, ?, ?, ?) "
                f"ON CONFLICT (id) DO UPDATE SET score_{at} = excluded.score_{at}",
                self._rows(path),
            )
        self._check_scores()
        self._db.execute("CREATE INDEX by_label ON candidates (label)")

    def add(self, blends: Iterable[Scored]) -> None:
        """Add examples that were made of others."""
        self._db.executemany(
            f"INSERT INTO candidates VALUES (?, ?, ?, ?, ?{', ?' * len(self._settings.criteria)})",
            map(self._row, blends),
        )

    def _row(self, each: Scored) -> tuple[Any, ...]:
        text = json.dumps(each.example, ensure_ascii=False)
        scores = [each.scores[criterion] for criterion in self._settings.criteria]
        return (each.id, each.example["relation"], each.tuple, each.method, text, *scores)

    def of(self, label: str) -> list[Scored]:
        """Those of a label, in the order in which they came."""
        rows = self._db.execute("SELECT * FROM candidates WHERE label = ? ORDER BY rowid", (label,))
        criteria = self._settings.criteria
        return [
            Scored(id, about, method, dict(zip(criteria, scores, strict=True)), json.loads(example))
            for id, _, about, method, example, *scores in rows
        ]

    def _rows(self, path: Path) -> Iterator[tuple[str, str, str, str, str, float]]:
        wanted = set(self._settings.methods)
        for number, line in read_json_lines(path, cure=f"build it with `dvc repro score@{path.stem}`"):
            try:
                scored = ScoredExample.model_validate(line)
            except ValueError as error:
                raise DataError(path, number, problem_of(error)) from None  # type: ignore[arg-type]
            example = scored.example
            if example.get("method") not in wanted:
                continue
            if "tuple" not in example:
                raise DataError(path, number, f"{example['id']} is about no entity tuple: only such can be ranked")
            text = json.dumps(example, ensure_ascii=False)
            yield example["id"], example["relation"], example["tuple"], example["method"], text, scored.score

    def _check_scores(self) -> None:
        for at, criterion in enumerate(self._settings.criteria):
            found = self._db.execute(f"SELECT id FROM candidates WHERE score_{at} IS NULL").fetchone()
            if found:
                raise UserError(
                    f"{found[0]} has no score by {criterion}: name its method in criteria.{criterion}.methods of "
                    "params.yaml, and run `dvc repro score`"
                )


def by_tuple(candidates: Sequence[Scored]) -> dict[str, list[Scored]]:
    """The candidates about each tuple, in the order in which they came."""
    groups: dict[str, list[Scored]] = {}
    for each in candidates:
        groups.setdefault(each.tuple, []).append(each)
    return groups
