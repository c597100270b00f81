"""What a criterion is: a module beside this one, with `Settings` and a function `scorer`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from relseed.pipeline.params import Section
from relseed.tasks.task import Task


class CriterionSettings(Section):
    """An entry of `criteria`; a criterion may add settings of its own."""

    reads: str  # the one thing that it reads beside seeds and accepted examples, such as weights
    methods: tuple[str, ...] = Field(min_length=1)  # whose accepted examples it scores


@dataclass(frozen=True, slots=True)
class Scoring:
    """What a criterion scores with."""

    settings: Any  # CriterionSettings, or what the criterion made of them
    task: Task
    schema: Any
    seeds: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Score:
    """A score from 0 to 1, and a note for people."""

    value: float
    note: str | None = None


Scorer = Callable[[Sequence[Any]], list[Score]]  # the scores of some examples, in their order
