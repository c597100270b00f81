"""What a source of tuples is given: its settings, the schema, the seeds, and where to put what it leaves out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import NonNegativeInt, PositiveInt

from relseed.generation.exchanges import Exchange
from relseed.pipeline.params import Params, Section
from relseed.tasks.relation import Example, Relation, Schema
from relseed.tuples.record import LeftOut


class TuplesSettings(Section):
    """The section `tuples`; a source may add settings of its own."""

    source: str  # a module of relseed.tuples
    reads: Path  # recorded responses, or the file or folder that is read
    per_label: PositiveInt | None  # of each relation, at most, drawn from what is there; None: all
    negatives: NonNegativeInt  # of the negative label, made of tuples of the same types, for each pair of types
    seed: NonNegativeInt  # of what is drawn

    def most_of(self, relation: Relation) -> int | None:
        """How many tuples of a relation are wanted before any is reversed: half of those of a symmetric one."""
        if self.per_label is None or not relation.symmetric:
            return self.per_label
        return -(-self.per_label // 2)


@dataclass
class Asked:
    """What a source collects tuples for."""

    settings: Any  # TuplesSettings, or what the source made of them
    params: Params
    schema: Schema
    seeds: Sequence[Example]
    left_out: list[LeftOut] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)  # with an LLM

    def leave_out(self, source: str, unwanted: "Unwanted") -> None:
        """Keep what is no tuple that is wanted, and why."""
        self.left_out.append(LeftOut(source=source, reason=unwanted.reason, found=unwanted.found))


class Unwanted(Exception):  # noqa: N818 (no error: it is counted, and the others come)
    """What stands there is no tuple that is wanted: a reason to count by, and what stands there."""

    def __init__(self, reason: str, found: str) -> None:
        super().__init__(f"{reason}: {found}")
        self.reason, self.found = reason, found
