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
    requests = [request(seed=seed, temperature=seed % 2, top_p=1) for seed in range(400)]
    sampler = ConstrainedSampler(requests, None, end=0)
    logits = torch.tensor([[0.0, 0.5, 0.0]] * 400)
    tokens = sampler(torch.zeros(400, 1, dtype=torch.long), logits).argmax(1)
    assert set(tokens[::2].tolist()) == {1}
    assert set(tokens[1::2].tolist()) == {0, 1, 2}


def test_nothing_outside_of_the_nucleus_is_drawn():
    logits = torch.tensor([0.55, 0.3, 0.1, 0.05]).log().tolist()
    assert set(drawn(logits, 400, top_p=0.8)) == {0, 1}


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
    assert int((nucleus(flat, torch.tensor([[0.9]])) > 0).sum()) == 5000  # the others are all as likely as the last


def test_a_nucleus_of_many_tokens_ends_where_its_share_is_reached():
    falling = torch.linspace(2, 1, 5000)[None].softmax(1)
    kept = nucleus(falling, torch.tensor([[0.9]]))
    assert kept.sum().item() == pytest.approx(0.9, abs=1e-3)
    assert int((kept > 0).sum()) < 4600


def test_each_row_has_its_own_nucleus():
    row = torch.tensor([0.6, 0.3, 0.1])
    kept = nucleus(torch.stack([row, row, row]), torch.tensor([[0.5], [0.8], [1.0]])) > 0
    assert kept.sum(1).tolist() == [1, 2, 3]
