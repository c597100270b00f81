"""Extraction from end to end: which triples count as right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relseed.extraction.documents import FoundMention, Triple
from relseed.extraction.scoring import Counts, end_to_end
from relseed.records.files import read_records
from relseed.tasks.relation.passages import Passage, Span
from tests.graph import ROOT

TEXT = "Ada Holm runs Orrefors with Bo Ek, who runs Vestfrost."
SPANS = {"Ada Holm": "PERSON", "Orrefors": "ORGANIZATION", "Bo Ek": "PERSON", "Vestfrost": "ORGANIZATION"}
NAMES = list(SPANS)


def passage(*relations: tuple[int, str, int], id: str = "a") -> Passage:
    """The text, with relations between its four mentions."""
    mentions = [{"start": TEXT.index(name), "end": TEXT.index(name) + len(name), "type": SPANS[name]} for name in NAMES]
    facts = [{"head": head, "tail": tail, "relation": relation} for head, relation, tail in relations]
    return Passage(id=id, text=TEXT, sentences=({"start": 0, "end": len(TEXT)},), mentions=mentions, relations=facts)


def triple(head: str, relation: str, tail: str, *, id: str = "a", **types: str) -> Triple:
    """Between words of the text; their types are those of the mentions that they are, unless given."""
    return Triple(
        document=id,
        head=_mention(head, types.get("head_type")),
        relation=relation,
        tail=_mention(tail, types.get("tail_type")),
        probability=0.5,
        sentence=Span(start=0, end=len(TEXT)),
    )


def _mention(words: str, type: str | None) -> FoundMention:
    start = TEXT.index(words)
    known = next(SPANS[name] for name in NAMES if words in name or name in words)
    return FoundMention(text=words, start=start, end=start + len(words), type=type or known)


GOLD = passage((0, "leads", 1), (2, "leads", 3))


def counts(found: list[Triple], gold: Passage = GOLD, **options) -> tuple[int, int]:
    """The right ones: lenient, strict."""
    result = end_to_end([gold], found, **options)
    return result.lenient.right, result.strict.right


def test_what_is_right_proposed_and_gold_is_counted():
    found = [triple("Ada Holm", "leads", "Orrefors"), triple("Bo Ek", "leads", "Orrefors")]
    assert end_to_end([GOLD], found).strict == Counts(right=1, proposed=2, gold=2)


def test_scores_are_made_of_the_counts():
    scores = Counts(right=2, proposed=5, gold=3)
    assert (scores.precision, scores.recall, scores.f1) == (pytest.approx(2 / 5), pytest.approx(2 / 3), 0.5)


@pytest.mark.parametrize("empty", [Counts(0, 0, 0), Counts(0, 3, 0), Counts(0, 0, 3)])
def test_scores_of_nothing_are_0(empty):
    assert (empty.precision, empty.recall, empty.f1) == (0, 0, 0)


@pytest.mark.parametrize("head", ["Holm", "Ada", "Ada Holm runs"], ids=["a part", "another part", "more"])
def test_a_mention_that_overlaps_with_the_gold_one_is_enough_where_lenient(head):
    assert counts([triple(head, "leads", "Orrefors")]) == (1, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        triple("Ada Holm", "founded", "Orrefors"),
        triple("Orrefors", "leads", "Ada Holm"),
        triple("Ada Holm", "leads", "Vestfrost"),
        triple("Ada Holm", "leads", "Orrefors", head_type="ORGANIZATION"),
        triple("Ada Holm", "leads", "Orrefors", tail_type="LOCATION"),
    ],
    ids=["relation", "direction", "mention", "type of the head", "type of the tail"],
)
def test_another_relation_direction_mention_or_type_is_wrong(wrong):
    assert counts([wrong]) == (0, 0)


def test_a_triple_of_one_document_says_nothing_of_another():
    gold = [passage((0, "leads", 1), id="a"), passage(id="b")]
    assert end_to_end(gold, [triple("Ada Holm", "leads", "Orrefors", id="b")]).lenient == Counts(0, 1, 1)


def test_a_gold_triple_is_found_once_only():
    found = [triple("Ada", "leads", "Orrefors"), triple("Holm", "leads", "Orrefors")]
    assert end_to_end([GOLD], found).lenient == Counts(right=1, proposed=2, gold=2)


def test_a_triple_finds_one_gold_triple_only_and_leaves_others_to_the_next():
    both = triple("Ada Holm runs Orrefors with Bo Ek", "leads", "Vestfrost")
    gold = passage((0, "leads", 3), (2, "leads", 3))
    assert counts([both], gold) == (1, 0)
    assert counts([both, triple("Ada Holm", "leads", "Vestfrost")], gold) == (2, 1)


def test_a_symmetric_relation_is_right_in_either_direction():
    gold, found = passage((0, "married", 2)), [triple("Bo Ek", "married", "Ada Holm")]
    assert counts(found, gold) == (0, 0)
    assert counts(found, gold, symmetric={"married"}) == (1, 1)


def test_a_symmetric_relation_that_is_gold_in_both_directions_is_one_triple():
    gold = passage((0, "married", 2), (2, "married", 0))
    assert end_to_end([gold], [], symmetric={"married"}).strict.gold == 1


def test_a_triple_of_a_document_that_is_no_passage_is_an_error():
    with pytest.raises(ValueError, match=r"documents that are no passages: \['b'\]"):
        end_to_end([GOLD], [triple("Ada Holm", "leads", "Orrefors", id="b")])


pairs = st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(lambda pair: pair[0] != pair[1])
facts = st.dictionaries(pairs, st.sampled_from(["leads", "married"]))  # of a pair one relation


@given(gold=facts, found=facts)
def test_with_the_gold_mentions_the_right_ones_are_those_that_are_in_both(gold, found):
    gold, found = ({(head, label, tail) for (head, tail), label in some.items()} for some in (gold, found))
    stated = passage(*((NAMES.index(head), relation, NAMES.index(tail)) for head, relation, tail in gold))
    result = end_to_end([stated], [triple(*fact) for fact in found])
    assert result.strict == result.lenient == Counts(len(gold & found), len(found), len(gold))


def test_what_the_passages_of_wire_state_is_right():
    passages = [read for _, read in read_records(ROOT / "data/gazette/wire.jsonl", Passage)]
    stated = [
        Triple(
            document=one.id,
            head=_marked(one, each.head),
            relation=each.relation,
            tail=_marked(one, each.tail),
            probability=1.0,
            sentence=one.sentences[0],
        )
        for one in passages
        for each in one.relations
    ]
    assert end_to_end(passages, stated).strict == Counts(len(stated), len(stated), len(stated))


def _marked(one: Passage, number: int) -> FoundMention:
    mention = one.mentions[number]
    return FoundMention(text=mention.text_of(one.text), start=mention.start, end=mention.end, type=mention.type)
