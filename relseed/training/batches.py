"""Batches of sentences of similar length, in an order that a seed and a position determine."""

from collections.abc import Iterator, Sequence

import numpy as np

_POOL = 4  # batches sorted together: fewer waste padding, more make batches that differ in nothing but length


def bucketed(lengths: Sequence[int], batch_size: int, seed: int) -> Iterator[list[int]]:
    """Yield batches of indices for ever, each index once before any comes again.

    The indices of successive shuffles form one stream, so that no batch is short; each pool of the
    stream is sorted by length, cut into batches, and the batches are shuffled.
    """
    generator = np.random.default_rng(seed)
    stream = np.empty(0, dtype=int)
    while True:
        while len(stream) < _POOL * batch_size:
            stream = np.concatenate([stream, generator.permutation(len(lengths))])
        pool, stream = stream[: _POOL * batch_size], stream[_POOL * batch_size :]
        pool = pool[np.argsort([lengths[index] for index in pool], kind="stable")]
        for batch in generator.permutation(pool.reshape(_POOL, batch_size)):
            yield batch.tolist()


def by_length(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """Every index once, the longest first, so that memory runs out at once or not at all."""
    order = np.argsort([-length for length in lengths], kind="stable").tolist()
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
