"""The probe of pre-trained encoders: what it embeds, and what it says of the embeddings."""

import numpy as np
import pytest

from benchmarks.probe import embeddings, probe, span_tokens
from relseed.tasks.relation import Example, Relation, Schema
from relseed.tasks.relation.tags import untag
from relseed.training.encoders import EMBEDDED, load_tokenizer

SCHEMA = Schema(relations=tuple(Relation(relation=name, definition="") for name in ("founded_by", "lives_in")))


def example(relation: str, tagged: str) -> Example:
    return Example(**untag(tagged).model_dump() | {"id": tagged, "relation": relation})


BEGUN = [example("founded_by", f"<e1>{firm}</e1> was begun by <e2>Ana</e2>") for firm in ("Huka", "Rata")]
LIVES = [example("lives_in", f"<e1>{name}</e1> has a small house in <e2>Ulm</e2>") for name in ("Ada", "Toi")]


def span_words(tagged: str) -> list[str]:
    """The tokens of a sentence's relation span."""
    tokenizer = load_tokenizer(EMBEDDED)
    ids, span = span_tokens(tokenizer, SCHEMA, example("founded_by", tagged))
    return tokenizer.convert_ids_to_tokens(ids[slice(*span)]) if span else []


@pytest.mark.parametrize(
    "tagged", ["<e1>Huka</e1> was begun by <e2>Ana</e2>.", "<e2>Ana</e2> was begun by <e1>Huka</e1>."]
)
def test_the_relation_span_is_the_words_between_the_mentions(tagged):
    assert span_words(tagged) == ["was", "begun", "by"]


def test_a_mention_that_is_named_again_between_the_two_is_no_part_of_the_span():
    assert span_words("<e1>Huka</e1> , Ana says , was begun by <e2>Ana</e2>") == ["says", ",", "was", "begun", "by"]


def test_a_sentence_without_words_to_carry_its_relation_has_no_embedding(tiny_encoder):
    bare = example("founded_by", "<e2>Ana</e2> <e1>Huka</e1>")
    found, relations = embeddings(str(tiny_encoder), SCHEMA, [bare, *BEGUN])
    assert relations == ["founded_by", "founded_by"]
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)


def test_relations_of_which_each_has_its_own_words_are_told_apart(tiny_encoder):
    found = probe(str(tiny_encoder), SCHEMA, [*BEGUN, *LIVES], [*LIVES, *BEGUN])
    assert found["within"] > found["between"]
    assert found["nearest"] == 1
