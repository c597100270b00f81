"""What a criterion is: a module beside this one, with `Settings` and a function `scorer`, or `score`.

`scorer(scoring) -> Scorer` is of criteria that look at each example alone: it loads what they need, and several
processes may each score a part. `score(scoring) -> list[Score]` is of those that must see all of `scoring.examples`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import Field

from relseed.pipeline.params import Section
from relseed.tasks.task import Task


class CriterionSettings(Section):
    """An entry of `criteria`; a criterion may add settings of its own."""

    reads: str  # the one thing that it reads beside seeds and accepted examples, such as weights
    methods: tuple[str, ...] = Field(min_length=1)  # whose accepted examples it scores


@dataclass(frozen=True)
class Scoring:
    """What a criterion scores, and with what."""

    settings: Any  # CriterionSettings, or what the criterion made of them
    task: Task
    schema: Any
    seeds: Sequence[Any]
    examples: Sequence[Any]  # accepted ones, whose scores are wanted
    log: Callable[[Mapping[str, float], int], None]  # metrics at a step, for MLflow

    def of(self, examples: Sequence[Any]) -> "Scoring":
        """The same of other examples."""
        return replace(self, examples=examples)


@dataclass(frozen=True, slots=True)
class Score:
    """A score from 0 to 1, and a note for people."""

    value: float
    note: str | None = None


Scorer = Callable[[Sequence[Any]], list[Score]]  # of examples, in their order
