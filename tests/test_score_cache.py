"""Scores that are known: a text is scored once, and a changed criterion scores it again."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from relseed.criteria.cache import score_new
from relseed.criteria.criterion import CriterionSettings, Score, Scoring
from relseed.tasks.relation import TASK
from tests.boats import SCHEMA, SEEDS


class Settings(CriterionSettings):
    """Of a criterion that a test makes up."""

    strict: bool = False


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)


class Counting:
    """A criterion that counts what it scores."""

    def __init__(self) -> None:
        self.scored: list[str] = []

    def __call__(self, examples: Sequence[Any], seeds: Sequence[Any] = (), **changes: Any) -> list[Score]:
        settings = Settings(**{"reads": "seeds.jsonl", "methods": ("tuned",)} | changes)
        scoring = Scoring(settings, TASK, SCHEMA, seeds, examples, lambda *_: None)
        return score_new("length", SimpleNamespace(score=self._score), scoring)  # type: ignore[arg-type]

    def _score(self, scoring: Scoring) -> list[Score]:
        self.scored += [example.id for example in scoring.examples]
        return [Score(1 / len(example.text), example.text[:3]) for example in scoring.examples]


def test_only_what_is_new_is_scored():
    score = Counting()
    first = score(SEEDS[:2])
    assert score(SEEDS[:3], methods=("tuned", "untuned"))[:2] == first
    assert score.scored == [seed.id for seed in SEEDS[:3]]


def test_the_same_text_under_another_name_is_known():
    score = Counting()
    other = SEEDS[0].model_copy(update={"id": "another", "method": "another"})
    assert score([SEEDS[0], other]) == score([other]) * 2
    assert score.scored == [other.id] or score.scored == [SEEDS[0].id]


@pytest.mark.parametrize(
    "changes", [{"strict": True}, {"seeds": SEEDS}, {"reads": "others.jsonl"}], ids=["settings", "seeds", "reads"]
)
def test_what_decides_a_score_has_everything_scored_again(changes):
    score = Counting()
    score(SEEDS[:1])
    score(SEEDS[:1], **changes)
    assert len(score.scored) == 2


def test_a_text_under_another_label_or_with_other_mentions_is_another():
    score = Counting()
    seed = SEEDS[0]
    swapped = seed.model_copy(update={"head": seed.tail, "tail": seed.head})
    score([seed, TASK.relabelled(seed, "no_relation"), swapped])
    assert len(score.scored) == 3
