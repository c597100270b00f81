"""Which test examples are labelled: a fixed subset in which every label has its share."""

import random
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

Group = TypeVar("Group")


def stratified(examples: Sequence[Any], count: int | None, seed: int) -> list[Any]:
    """`count` of the examples in their order, all where there are no more or `count` is None.

    Each label has its share, rounded by the largest remainders.
    """
    if count is None or count >= len(examples):
        return list(examples)
    own: dict[str, list[int]] = {}
    for at, example in enumerate(examples):
        own.setdefault(example.label, []).append(at)
    sizes = shares_of({label: len(places) for label, places in own.items()}, count)
    rng = random.Random(seed)
    return [
        examples[at] for at in sorted(at for label, places in own.items() for at in rng.sample(places, sizes[label]))
    ]


def shares_of(counts: Mapping[Group, int], size: int) -> dict[Group, int]:
    """How many of `size` each group gets by how many it has, rounded by the largest remainders."""
    total = sum(counts.values())
    shares = {group: size * count / total for group, count in counts.items()}
    sizes = {group: int(share) for group, share in shares.items()}
    for group in sorted(shares, key=lambda group: sizes[group] - shares[group])[: size - sum(sizes.values())]:
        sizes[group] += 1
    return sizes
