"""Which test examples are labelled: a fixed subset in which every label has its share."""

import random
from collections.abc import Sequence
from typing import Any


def stratified(examples: Sequence[Any], count: int | None, seed: int) -> list[Any]:
    """`count` of the examples in their order, all where there are no more or `count` is None.

    Each label has its share, rounded by the largest remainders.
    """
    if count is None or count >= len(examples):
        return list(examples)
    own: dict[str, list[int]] = {}
    for at, example in enumerate(examples):
        own.setdefault(example.label, []).append(at)
    shares = {label: count * len(places) / len(examples) for label, places in own.items()}
    sizes = {label: int(share) for label, share in shares.items()}
    for label in sorted(shares, key=lambda label: sizes[label] - shares[label])[: count - sum(sizes.values())]:
        sizes[label] += 1
    rng = random.Random(seed)
    return [
        examples[at] for at in sorted(at for label, places in own.items() for at in rng.sample(places, sizes[label]))
    ]
