"""Two halves of the relations: a generator that was tuned on one writes for the other (Li, Dai and Li 2025)."""

import random
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from relseed.tasks.relation import Relation

ADAPTERS = ("base-one", "base-two")  # of the halves, in turn


class Halves(BaseModel):
    """The labels of each half; the negative label belongs to neither."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    one: tuple[str, ...]
    two: tuple[str, ...]

    def adapter_for(self, label: str) -> str:
        """The name of the adapter that writes for a relation: that of the half that it is not in."""
        return ADAPTERS[1] if label in self.one else ADAPTERS[0]


def halved(relations: Sequence[Relation], seed: int) -> Halves:
    """Relations by chance in two halves of the same size, or one apart; each half keeps the order of `relations`."""
    labels = [relation.relation for relation in relations if not relation.negative]
    chosen = set(random.Random(seed).sample(labels, (len(labels) + 1) // 2))
    return Halves(
        one=tuple(label for label in labels if label in chosen),
        two=tuple(label for label in labels if label not in chosen),
    )
