"""Scores that are known already: a text is scored once, so that a new method has its own examples scored alone."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import cached_property, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from relseed.criteria.criterion import Score, Scorer, Scoring
from relseed.pipeline.outputs import scratch
from relseed.pipeline.workers import Workers, mapped
from relseed.tasks.task import Task, identity
from relseed.training.resume import state_folder

_TABLE = "CREATE TABLE IF NOT EXISTS scores (key TEXT PRIMARY KEY, value REAL NOT NULL, note TEXT) WITHOUT ROWID"
_AT_ONCE = 500  # keys of one query
CHUNK = 4096  # new examples that are scored together, by whoever: what is batched is the same for all


class CachedScorer:
    """A criterion that scores what is not known; what it loads is loaded once, and only if it scores anything.

    Known is what was scored before, whatever it was called: the same text and mentions under the same label, by the
    same criterion with the same settings, seeds, weights and code. The cache may be deleted at any time.
    """

    def __init__(self, criterion: str, module: ModuleType, scoring: Scoring, workers: Workers) -> None:
        """Open the scores by a criterion, which is a module."""
        self._module, self._scoring, self._workers = module, scoring, workers
        self._prefix = _fingerprint(criterion, scoring)

    def __call__(self, examples: Sequence[Any]) -> list[Score]:
        """The score of each example.

        Raises:
            UserError: The criterion cannot score.
        """
        keys = [_key(self._prefix, self._scoring.task, example) for example in examples]
        path = scratch() / "scores.db"
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=60)) as db:
            db.execute(_TABLE)
            known = _known(db, keys)
            new = {key: example for key, example in zip(keys, examples, strict=True) if key not in known}
            waiting = iter(new)
            for found in self._scored(list(new.values())):
                scored = {next(waiting): score for score in found}
                with db:
                    rows = ((key, score.value, score.note) for key, score in scored.items())
                    db.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?)", rows)
                known |= scored
        return [known[key] for key in keys]

    @cached_property
    def _scorer(self) -> Scorer:
        scorer: Scorer = self._module.scorer(self._scoring)
        return scorer

    def _scored(self, examples: Sequence[Any]) -> Iterator[list[Score]]:
        """The scores of the examples in their order, chunk by chunk."""
        chunks = [examples[start : start + CHUNK] for start in range(0, len(examples), CHUNK)]
        if min(self._workers.count, len(chunks)) <= 1:
            return (self._scorer(chunk) for chunk in chunks)
        return mapped(
            partial(self._module.scorer, self._scoring), chunks, self._workers, threads=torch.get_num_threads()
        )


def _known(db: sqlite3.Connection, keys: Sequence[str]) -> dict[str, Score]:
    found: dict[str, Score] = {}
    for start in range(0, len(keys), _AT_ONCE):
        part = keys[start : start + _AT_ONCE]
        rows = db.execute(f"SELECT * FROM scores WHERE key IN ({', '.join('?' * len(part))})", part)
        found |= {key: Score(value, note) for key, value, note in rows}
    return found


def _fingerprint(criterion: str, scoring: Scoring) -> str:
    """All that decides a score beside the example."""
    settings = scoring.settings.model_dump(mode="json", exclude={"methods"})
    seeds, labels = identity(scoring.seeds), scoring.schema.model_dump()
    decided = state_folder("score", scoring.settings.reads, criterion=criterion, settings=settings, seeds=seeds)
    return f"{Path(decided).name}/{hashlib.sha256(json.dumps(labels).encode()).hexdigest()[:12]}"


def _key(prefix: str, task: Task, example: Any) -> str:
    said = json.dumps([example.label, task.segments(example)], ensure_ascii=False)
    return hashlib.sha256(f"{prefix}\n{said}".encode()).hexdigest()
