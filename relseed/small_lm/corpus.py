"""What the small generator is taught: documents of samples of one relation after another."""

import random
from collections.abc import Iterator, Sequence

from relseed.tasks.relation import Example, Relation
from relseed.tasks.relation.continuation import STOP, document
from relseed.tasks.relation.templates import demonstration


def documents(relations: Sequence[Relation], examples: Sequence[Example], samples: int, seed: int) -> Iterator[str]:
    """Documents of `samples` samples for ever, relations in turn; of each all its samples before any comes again."""
    chance = random.Random(seed)
    own = {relation.relation: [one for one in examples if one.relation == relation.relation] for relation in relations}
    left: dict[str, list[Example]] = {label: [] for label in own}
    while True:
        for relation in chance.sample(list(relations), len(relations)):
            pool = left[relation.relation]
            while len(pool) < samples:
                pool += chance.sample(own[relation.relation], len(own[relation.relation]))
            yield f"{document(relation, [demonstration(pool.pop(0)) for _ in range(samples)])} {STOP}"
