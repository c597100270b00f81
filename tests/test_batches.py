"""The order of training and inference: batches of similar length, every example as often as any other."""

from collections import Counter
from itertools import islice

from relseed.training.batches import bucketed, by_length


def test_batches_use_every_example_equally_often():
    batches = list(islice(bucketed([5] * 24, 8, seed=1), 12))
    assert set(Counter(index for batch in batches for index in batch).values()) == {4}


def test_batches_hold_examples_of_similar_length():
    lengths = list(range(64))
    spread = [max(batch) - min(batch) for batch in islice(bucketed(lengths, 16, seed=1), 4)]
    assert max(spread) < 16


def test_batches_differ_from_one_pass_to_the_next():
    batches = [frozenset(batch) for batch in islice(bucketed(list(range(128)), 16, seed=1), 16)]
    assert len(set(batches)) > 8


def test_fewer_examples_than_a_batch_still_make_full_batches():
    assert all(len(batch) == 16 for batch in islice(bucketed([4, 9, 7], 16, seed=1), 3))


def test_inference_takes_every_example_once_longest_first():
    batches = by_length([3, 9, 1, 7, 5], 2)
    assert batches == [[1, 3], [4, 0], [2]]
