"""Grammar: how few faults Harper, a checker of English grammar, finds outside of the mentions.

It takes invented names for misspelt words, so that kinds of faults such as Spelling are left out.
"""

from collections.abc import Sequence
from typing import Any

import harper
from pydantic import Field

from relseed.criteria.criterion import CriterionSettings, Score, Scorer, Scoring
from relseed.tasks.task import Task


class Settings(CriterionSettings):
    """An entry of `criteria` with this name."""

    ignored: tuple[str, ...]  # kinds of faults that do not count, as Harper calls them
    penalty: float = Field(gt=0, le=1)  # of each fault


def scorer(scoring: Scoring) -> Scorer:
    """One less a penalty for each fault, 0 at least; the first fault as a note."""
    linter, settings = harper.Linter(), scoring.settings

    def score(examples: Sequence[Any]) -> list[Score]:
        found = (faults_of(example, scoring.task, linter, settings.ignored) for example in examples)
        return [_score(faults, settings.penalty) for faults in found]

    return score


def faults_of(example: Any, task: Task, linter: harper.Linter, ignored: Sequence[str]) -> list[str]:
    """What is wrong with a text outside of its mentions, in words."""
    text, mentions, place = "", list[range](), 0
    for piece, role, _ in task.segments(example):
        text += piece
        if role is not None:
            mentions.append(range(place, place + len(piece)))
        place += len(piece)
    return [
        f"{lint.problem_text!r}: {lint.message}"
        for lint in linter.lint(text)
        if lint.lint_kind not in ignored and not any(lint.span.start in span for span in mentions)
    ]


def _score(faults: Sequence[str], penalty: float) -> Score:
    return Score(max(0.0, 1 - penalty * len(faults)), faults[0] if faults else None)
