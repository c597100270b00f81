"""The next tokens of a batch: the nucleus, and draws that follow the probabilities."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import TopPLogitsWarper

from relseed.llm.engines.sampling import ConstrainedSampler, nucleus
from tests.scripted import request


def drawn(logits: list[float], rows: int, **changes) -> list[int]:
    """The tokens that so many requests, each with a random seed of its own, draw from the same logits."""
    requests = [request(seed=seed, **{"top_p": 1} | changes) for seed in range(rows)]
    sampler = ConstrainedSampler(requests, None, end=0)
    found = sampler(torch.zeros(rows, 1, dtype=torch.long), torch.tensor([logits] * rows))
    assert (found == 0).sum(1).tolist() == [1] * rows
    return found.argmax(1).tolist()


def test_tokens_are_drawn_as_often_as_they_are_likely():
    probabilities = torch.tensor([0.5, 0.2, 0.0, 0.3])
    counts = torch.bincount(torch.tensor(drawn(probabilities.log().tolist(), 4000)), minlength=4) / 4000
    assert counts.tolist() == pytest.approx(probabilities.tolist(), abs=0.03)
    assert counts[2] == 0


def test_at_a_low_temperature_the_likeliest_is_drawn_nearly_always():
    tokens = drawn([1.0, 2.0, 0.0], 200, temperature=0.1)
    assert tokens.count(1) > 195


def test_requests_with_and_without_temperature_share_a_batch():
    requests = [request(seed=1, temperature=0, top_p=1), request(seed=2, temperature=1, top_p=1)]
    chosen = [
        ConstrainedSampler(requests, None, end=0)(torch.zeros(2, 1, dtype=torch.long), torch.tensor([row, row]))
        for row in ([0.0, 3.0, 0.0], [0.0, 0.0, 3.0])
    ]
    assert [tokens[0].argmax().item() for tokens in chosen] == [1, 2]


@given(st.lists(st.integers(-40, 40), min_size=2, max_size=40, unique=True), st.floats(0.05, 0.99))
def test_the_nucleus_is_what_transformers_takes_for_it(logits, top_p):
    row = torch.tensor([logits], dtype=torch.float64) / 5
    ours = nucleus(row.softmax(1), torch.tensor([[top_p]]))[0] > 0
    theirs = TopPLogitsWarper(top_p)(torch.zeros(1, 1, dtype=torch.long), row)[0] > float("-inf")
    # A token at the very edge may fall to either side by rounding.
    assert (ours != theirs).sum() <= 1
    assert bool(ours[row[0].argmax()])


def test_a_nucleus_wider_than_the_likeliest_tokens_is_found_among_all():
    flat = torch.full((1, 5000), 1 / 5000)
    flat[0, 7] = 1.01 / 5000
    assert int((nucleus(flat, torch.tensor([[0.9]])) > 0).sum()) >= 4500


def test_each_row_has_its_own_nucleus():
    row = torch.tensor([0.6, 0.3, 0.1])
    kept = nucleus(torch.stack([row, row, row]), torch.tensor([[0.5], [0.8], [1.0]])) > 0
    assert kept.sum(1).tolist() == [1, 2, 3]
