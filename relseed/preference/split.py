"""Two halves of the relations: an LLM that was tuned on one writes for the other (Li, Dai and Li 2025)."""

import random
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from relseed.tasks.relation import Relation


class Split(BaseModel):
    """The labels of each half; the negative label belongs to neither."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    a: tuple[str, ...]
    b: tuple[str, ...]

    @property
    def halves(self) -> dict[str, tuple[str, ...]]:
        """The labels of each half by its name, which is also that of the adapter tuned on it."""
        return {"a": self.a, "b": self.b}

    @property
    def by_label(self) -> dict[str, str]:
        """Of each label the adapter that writes for it: that of the half that it is not in."""
        return dict.fromkeys(self.a, "b") | dict.fromkeys(self.b, "a")


def split_relations(relations: Sequence[Relation], seed: int) -> Split:
    """Two random halves of the same size, or one apart; each keeps the order of `relations`."""
    labels = [relation.relation for relation in relations if not relation.negative]
    chosen = set(random.Random(seed).sample(labels, (len(labels) + 1) // 2))
    return Split(
        a=tuple(label for label in labels if label in chosen),
        b=tuple(label for label in labels if label not in chosen),
    )
