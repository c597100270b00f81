"""Scores that are known: a text is scored once, and a changed criterion scores it again."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from relseed.criteria import cache
from relseed.criteria.cache import CachedScorer
from relseed.criteria.criterion import CriterionSettings, Score, Scorer, Scoring
from relseed.pipeline.errors import UserError
from relseed.pipeline.workers import Workers
from relseed.tasks.relation import TASK
from tests.boats import SCHEMA, SEEDS

FIVE = [SEEDS[0].model_copy(update={"id": str(more), "text": SEEDS[0].text + " Yes." * more}) for more in range(5)]


class Settings(CriterionSettings):
    """Of a criterion that a test makes up."""

    strict: bool = False


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)


class Counting:
    """A criterion that counts what it scores."""

    def __init__(self, most: int = 100) -> None:
        self.scored: list[str] = []
        self.chunks: list[int] = []
        self.most = most  # chunks, until it cannot score
        self.loaded = 0

    def __call__(self, examples: Sequence[Any], seeds: Sequence[Any] = (), **changes: Any) -> list[Score]:
        return self.cached(seeds, **changes)(examples)

    def cached(self, seeds: Sequence[Any] = (), **changes: Any) -> CachedScorer:
        settings = Settings(**{"reads": "seeds.jsonl", "methods": ("tuned",)} | changes)
        module: Any = SimpleNamespace(scorer=self._scorer)
        scoring = Scoring(settings, TASK, SCHEMA, seeds)
        return CachedScorer("length", module, scoring, Workers(count=1, address=None))

    def _scorer(self, _: Scoring) -> Scorer:
        self.loaded += 1
        return self._score

    def _score(self, examples: Sequence[Any]) -> list[Score]:
        if len(self.chunks) == self.most:
            raise UserError("no more")
        self.chunks.append(len(examples))
        self.scored += [example.id for example in examples]
        return [Score(1 / len(example.text), example.text[:3]) for example in examples]


def test_only_what_is_new_is_scored():
    score = Counting()
    first = score(SEEDS[:2])
    assert score(SEEDS[:3], methods=("tuned", "untuned"))[:2] == first
    assert score.scored == [seed.id for seed in SEEDS[:3]]


def test_a_criterion_is_loaded_once_for_all_that_is_new_and_not_at_all_where_nothing_is():
    score = Counting()
    cached = score.cached()
    cached(SEEDS[:1])
    cached(SEEDS[1:2])
    assert score.loaded == 1
    score(SEEDS[:2])
    assert score.loaded == 1


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


def test_examples_are_scored_in_chunks(monkeypatch):
    monkeypatch.setattr(cache, "CHUNK", 2)
    score = Counting()
    assert score(FIVE) == [Counting()([example], strict=True)[0] for example in FIVE]
    assert (score.chunks, score.loaded) == ([2, 2, 1], 1)


def test_chunks_that_were_scored_before_an_error_are_known_afterwards(monkeypatch):
    monkeypatch.setattr(cache, "CHUNK", 2)
    score = Counting(most=1)
    with pytest.raises(UserError, match="no more"):
        score(FIVE)
    score.most = 100
    score(FIVE)
    assert score.scored == [example.id for example in FIVE]
