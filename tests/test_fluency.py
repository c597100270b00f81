"""Fluency: what a causal model says of the words of an example, names aside."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from relseed.criteria import fluency
from relseed.criteria.criterion import Score, Scoring
from relseed.pipeline.errors import UserError
from relseed.tasks.relation import TASK, Example
from relseed.tasks.relation.tags import untag
from tests.boats import SCHEMA

PLAIN = "Old <e1>Ines Falk</e1> sold her house to buy the <e2>Sula</e2>."


def example(tagged: str, *types: str) -> Example:
    fields = untag(tagged).model_dump(exclude_unset=True)
    for role, type in zip(("head", "tail"), types, strict=False):
        fields[role] |= {"type": type}
    return Example.model_validate({"id": tagged, "relation": "owner_of", **fields})


@pytest.fixture
def scored(tiny_llm):
    """The scores of examples by the random model of the tests."""

    def scored(*examples: Example, folder: Path = tiny_llm) -> Sequence[Score]:
        settings = fluency.Settings(reads="seeds.jsonl", model=str(folder), methods=("tuned",))
        return fluency.scorer(Scoring(settings, TASK, SCHEMA, []))(examples)

    return scored


def test_the_score_is_the_geometric_mean_of_the_probabilities_of_the_tokens_outside_of_mentions(scored, tiny_llm):
    [found] = scored(example("<e1>Ada</e1> met <e2>Bo</e2> here", "PERSON", "PERSON"))
    tokenizer, model = (
        AutoTokenizer.from_pretrained(tiny_llm),
        AutoModelForCausalLM.from_pretrained(tiny_llm, dtype="float32"),
    )
    pieces = ["The person", " met ", "the person", " here"]
    encoded = tokenizer("".join(pieces), add_special_tokens=False, return_offsets_mapping=True)
    first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    ids = torch.tensor([[first, *encoded["input_ids"]]])
    with torch.no_grad():
        logs = model(ids).logits[0, :-1].float().log_softmax(-1).gather(-1, ids[0, 1:, None])[:, 0]
    inside = [range(10), range(15, 25)]
    counted = [not any(s < span.stop and e > span.start for span in inside) for s, e in encoded["offset_mapping"]]
    assert 0 < sum(counted) < len(counted)
    mean = logs[torch.tensor(counted)].mean().item()
    assert found.value == pytest.approx(math.exp(mean), rel=1e-4)
    assert found.note == f"{mean:.2f} nats a token"


def test_names_do_not_count_and_types_stand_in_their_place(scored):
    other = "Old <e1>Xanthippe Vandergaag</e1> sold her house to buy the <e2>Wren II</e2>."
    first, second = scored(example(PLAIN, "PERSON", "BOAT"), example(other, "PERSON", "BOAT"))
    assert first == second
    [untyped] = scored(example(PLAIN))
    assert untyped != first


def test_who_shares_the_batch_does_not_matter(scored):
    examples = [
        example(PLAIN),
        example("<e1>Bo</e1>, <e2>Al</e2>!"),
        example(PLAIN.replace("house", "old house there")),
    ]
    alone = [scored(each)[0].value for each in examples]
    assert [found.value for found in scored(*examples)] == pytest.approx(alone, rel=1e-4)


def test_nothing_to_score_has_no_scores(scored):
    assert scored() == []


def test_a_folder_without_a_model_is_an_error_that_says_what_to_name(scored, tmp_path):
    with pytest.raises(UserError, match=r"criteria\.fluency\.model: no causal model .*: name a folder, or a model of"):
        scored(example(PLAIN), folder=tmp_path)
