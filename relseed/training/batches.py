"""Batches of sentences of similar length, in an order that a seed and a position determine."""

from collections.abc import Iterator, Sequence

import numpy as np

_BUCKET = 4  # batches sorted together: fewer waste padding, more make batches that differ in nothing but length


def bucketed(lengths: Sequence[int], batch_size: int, seed: int) -> Iterator[list[int]]:
    """Yield batches of indices endlessly, each index once before any comes again.

    The indices of successive shuffles form one stream, so that no batch is short; each bucket of the
    stream is sorted by length, cut into batches, and the batches are shuffled.
    """
    rng = np.random.default_rng(seed)
    stream = np.empty(0, dtype=int)
    while True:
        while len(stream) < _BUCKET * batch_size:
            stream = np.concatenate([stream, rng.permutation(len(lengths))])
        bucket, stream = stream[: _BUCKET * batch_size], stream[_BUCKET * batch_size :]
        bucket = bucket[np.argsort([lengths[index] for index in bucket], kind="stable")]
        for batch in rng.permutation(bucket.reshape(_BUCKET, batch_size)):
            yield batch.tolist()


def by_length(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """Every index once, the longest first, so that memory runs out at once or not at all."""
    order = np.argsort([-length for length in lengths], kind="stable").tolist()
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
