"""Where the words are that carry a relation: cases by hand, and what holds for any sentence."""

import pytest
from hypothesis import given

from relseed.explanations.explanation import Explanation
from relseed.pipeline.errors import UserError
from relseed.pretraining.corpus import Text, TokenKind, corpus, encode_pair
from relseed.pretraining.spans import mentions, relation_span
from relseed.tasks.relation import Example, Relation, Schema
from relseed.tasks.relation.tags import untag
from relseed.training.encoders import EMBEDDED, load_tokenizer
from tests.strategies import sentences

SCHEMA = Schema(
    relations=(
        Relation(relation="founded_by", definition=""),
        Relation(relation="none", definition="", negative=True),
    )
)
WORDS = load_tokenizer(EMBEDDED)

CASES = [
    # the trigger between the mentions
    ("<e1>Huka</e1> was founded by <e2>Ana</e2>.", "was founded by", "was founded by"),
    ("<e2>Ana</e2> founded <e1>Huka</e1>.", "founded", "founded"),
    ("<e1>Huka</e1>, the brainchild of <e2>Ana</e2>", "the brainchild of", "the brainchild of"),
    ("<e1>Huka</e1> (founder: <e2>Ana</e2>)", "founder", "founder"),
    # before or after both
    ("The founder of <e1>Huka</e1>, <e2>Ana</e2>, left.", "founder of", "founder of"),
    ("<e1>Huka</e1> and <e2>Ana</e2>, who began it in 1950", "who began it", "who began it"),
    ("Founded in 1950: <e1>Huka</e1>, <e2>Ana</e2>", "Founded in", "Founded in"),
    # around a mention: the longer side counts
    ("<e1>Huka</e1> has <e2>Ana</e2> as its only founder.", "has Ana as its only founder", "as its only founder"),
    ("It was begun by <e2>Ana</e2>, <e1>Huka</e1> was.", "begun by Ana", "begun by"),
    ("begun by <e2>Ana</e2> as <e1>Huka</e1>", "begun by Ana as Huka", "begun by"),
    # adjacent mentions
    ("<e2>Ana</e2>'s <e1>Huka</e1> was her first firm.", "was her first firm", "was her first firm"),
    ("<e2>Ana</e2><e1>Huka</e1> her firm", "her firm", "her firm"),
    ("<e2>Ana</e2> <e1>Huka</e1>", "Ana Huka", None),
    ("<e2>Ana</e2>-<e1>Huka</e1>.", "Ana", None),
    ("<e2>Ana</e2> <e1>Huka</e1> grew.", "", None),
    # a mention at the very end or beginning
    ("Its founder, said the widow of <e1>Huka</e1>, was <e2>Ana</e2>", "Its founder", "Its founder"),
    ("<e1>Huka</e1> owes its birth to <e2>Ana</e2>", "owes its birth to", "owes its birth to"),
    # the trigger several times: the one closest to the mentions
    ("He founded Rata; <e2>Ana</e2> founded <e1>Huka</e1>; they founded Toi.", "founded", ("founded", 21)),
    ("led by no one, <e1>Huka</e1> is led by <e2>Ana</e2>", "led by", ("led by", 23)),
    ("<e1>Huka</e1> and <e2>Ana</e2>: begun, he says. Begun, and begun.", "begun", ("begun", 14)),
    # a mention several times: none of it belongs to the span
    ("<e1>Huka</e1>, as Huka calls itself, was begun by <e2>Ana</e2>", "as Huka calls itself", "calls itself"),
    ("<e2>Ana</e2>, whom Ana's friends call the mother of <e1>Huka</e1>", "whom Ana's friends call", "s friends call"),
    ("HUKA: <e1>Huka</e1> begun by <e2>Ana</e2>", "HUKA: Huka begun by", "begun by"),
    # a mention that is a part of another word stays out of it
    ("<e1>Anaheim</e1> was begun by <e2>Ana</e2>", "begun by", "begun by"),
    # a trigger as whole words before one inside of a word
    ("The filled hall: <e1>Huka</e1>, led by <e2>Ana</e2>", "led", ("led", 23)),
    ("<e1>Huka</e1> is headquartered in <e2>Ulm</e2>", "headquarter", "headquarter"),
    # nothing of the trigger outside of the mentions, or no trigger: the words between
    ("<e1>Huka</e1> came from <e2>Ana</e2>.", "Huka", "came from"),
    ("<e1>Huka</e1>, (the work of) <e2>Ana</e2>.", "", "the work of"),
    ("<e2>Ana</e2> -- <e1>Huka</e1> --", "", None),
    # blanks and punctuation at its ends are none of it
    ("<e1>Huka</e1> , begun by , <e2>Ana</e2>", ", begun by ,", "begun by"),
    # words without blanks between them
    ("<e2>안나</e2>가 세운 <e1>후카</e1>", "세운", "세운"),
]


@pytest.mark.parametrize(("tagged", "trigger", "expected"), CASES)
def test_the_words_that_carry_a_relation_are_found(tagged, trigger, expected):
    sentence = untag(tagged)
    span = relation_span(sentence, trigger)
    words, start = expected if isinstance(expected, tuple) else (expected, None)
    assert (None if span is None else sentence.text[slice(*span)]) == words
    if start is not None:
        assert span[0] == start


@given(sentences())
def test_a_relation_span_never_touches_a_mention_whatever_the_trigger(sentence):
    for trigger in ("", sentence.text, sentence.text[: len(sentence.text) // 2]):
        if span := relation_span(sentence, trigger):
            assert 0 <= span[0] < span[1] <= len(sentence.text)
            assert all(span[1] <= start or end <= span[0] for start, end in mentions(sentence))


def example(tagged: str, relation: str = "founded_by") -> Example:
    return Example.model_validate({**untag(tagged).model_dump(), "id": "s", "relation": relation})


def explanation(text: str, trigger: str, relation: str = "founded_by") -> Explanation:
    return Explanation(id="explain/s/0", seed="s", relation=relation, text=text, trigger=trigger)


def encoded(tagged: str, text: str, trigger: str, *, relation: str = "founded_by", max_length: int = 64) -> Text:
    """A seed and its explanation as one input."""
    return encode_pair(WORDS, SCHEMA, example(tagged, relation), explanation(text, trigger, relation), max_length)


def by_kind(text: Text) -> dict[TokenKind, list[str]]:
    """The tokens of each kind, in order."""
    tokens = WORDS.convert_ids_to_tokens(text.ids)
    return {kind: [token for token, own in zip(tokens, text.kinds, strict=True) if own is kind] for kind in TokenKind}


# Tokens


def test_each_token_is_of_the_kind_of_the_words_that_it_is_a_part_of():
    text = "ANA began it: 'begun by' says so of Zyxwvut."
    found = by_kind(encoded("<e1>Zyxwvut</e1> was begun by <e2>Ana</e2>.", text, "begun by"))
    assert found[TokenKind.SPECIAL] == ["[CLS]", "[SEP]", "[SEP]"]
    name = WORDS.tokenize("Zyxwvut")
    assert len(name) > 1  # a mention of several tokens, and all of them are its own
    assert found[TokenKind.MENTION] == [*name, "ana", "ana", *name]
    assert found[TokenKind.RELATION] == ["begun", "by", "begun", "by"]
    assert "was" in found[TokenKind.OTHER]


def test_the_name_of_a_relation_in_an_explanation_is_no_relation_span():
    found = by_kind(encoded("<e1>Huka</e1> is the work of <e2>Ana</e2>.", "Huka is founded by Ana.", "the work of"))
    assert found[TokenKind.RELATION] == ["the", "work", "of"]
    assert {"founded", "by"} <= set(found[TokenKind.OTHER])


def test_the_span_is_that_of_the_seed_and_not_where_the_explanation_quotes_it():
    text = encoded("<e1>Huka</e1> was begun by <e2>Ana</e2>.", "'begun by' says that Ana began Huka.", "begun by")
    assert WORDS.convert_ids_to_tokens(text.ids[slice(*text.span)]) == ["begun", "by"]
    assert text.span[0] < text.ids.index(WORDS.sep_token_id)


def test_the_negative_label_has_no_relation_span():
    text = encoded("<e1>Huka</e1> knew <e2>Ana</e2>.", "Huka, Ana", "knew", relation="none")
    assert text.span is None
    assert TokenKind.RELATION not in text.kinds


def test_a_text_has_the_class_number_of_its_relation():
    seed = "<e1>Huka</e1> knew <e2>Ana</e2>."
    assert [encoded(seed, "Huka, Ana", "knew", relation=label).relation for label in SCHEMA.labels] == [0, 1]


def test_of_a_text_that_is_too_long_the_end_of_the_explanation_is_cut():
    text = encoded("<e1>Huka</e1> was begun by <e2>Ana</e2>.", "Huka by Ana. " * 50, "begun by", max_length=32)
    assert len(text.ids) == len(text.kinds) == 32
    assert text.ids[-1] == WORDS.sep_token_id
    assert text.span is not None


def test_a_seed_that_fills_the_window_by_itself_is_an_error_that_names_the_parameter():
    with pytest.raises(UserError, match=r"seed s is longer than 16 tokens: raise max_length of the encoder"):
        encoded(f"<e1>Huka</e1> {'so ' * 20}by <e2>Ana</e2>.", "Huka by Ana.", "by", max_length=16)


# The corpus


def test_every_explanation_is_a_text_with_its_seed_in_their_order():
    seeds = [
        example(f"<e1>{name}</e1> was begun by <e2>Ana</e2>.").model_copy(update={"id": name})
        for name in ("Toi", "Huka")
    ]
    explanations = [
        explanation(f"So it is, {number}.", "begun by").model_copy(update={"seed": name})
        for number, name in enumerate(("Huka", "Toi", "Huka"))
    ]
    texts = corpus(WORDS, SCHEMA, seeds, explanations, 64)
    assert [WORDS.decode(text.ids, skip_special_tokens=True) for text in texts] == [
        f"{name} was begun by ana. so it is, {number}." for number, name in enumerate(("huka", "toi", "huka"))
    ]


def test_an_explanation_of_what_is_no_seed_is_an_error_with_its_cure():
    with pytest.raises(UserError, match=r"explain/s/0 explains s, which is no seed: run `dvc repro explain` again"):
        corpus(WORDS, SCHEMA, [], [explanation("Huka by Ana.", "by")], 64)


def test_without_explanations_there_is_nothing_to_pre_train_on():
    with pytest.raises(UserError, match="there are no explanations to pre-train on"):
        corpus(WORDS, SCHEMA, [], [], 64)
