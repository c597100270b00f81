"""What the small language model is tuned on: documents of examples of one relation after another."""

import random
from collections.abc import Iterator, Sequence

from relseed.tasks.relation import TASK, Example, Relation
from relseed.tasks.relation.continuation import document


def documents(relations: Sequence[Relation], examples: Sequence[Example], size: int, seed: int) -> Iterator[str]:
    """An endless stream of documents of `size` examples, the relations in random order, round after round.

    Of a relation all examples are used before any comes again.
    """
    rng = random.Random(seed)
    own = {
        relation.relation: [example for example in examples if example.relation == relation.relation]
        for relation in relations
    }
    left: dict[str, list[Example]] = {label: [] for label in own}
    while True:
        for relation in rng.sample(list(relations), len(relations)):
            unused = left[relation.relation]
            while len(unused) < size:
                unused += rng.sample(own[relation.relation], len(own[relation.relation]))
            yield document(relation, [TASK.show(unused.pop(0)) for _ in range(size)])
