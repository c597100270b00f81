"""Methods that write about entity tuples: what they ask, how responses are read, and what fills templates."""

import asyncio
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llguidance
import llguidance.hf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from relseed.generation.exchanges import Exchange
from relseed.generation.method import Method, loop_of
from relseed.generation.units import targets_of
from relseed.generation.writing import rehearse, write
from relseed.llm.client import Client
from relseed.llm.llm import LLM
from relseed.llm.request import Request
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params
from relseed.quality.rules import RuleFilter
from relseed.records.candidates import Candidate
from relseed.records.files import DataError, write_records
from relseed.tasks.relation import TASK
from relseed.tasks.relation.entity_tuple import EntityTuple, read_tuples, tuple_of
from relseed.tasks.relation.plain_prompt import PlainPrompt, linearised
from relseed.tasks.relation.rules import rules_of
from relseed.tasks.relation.tags import TAG
from relseed.tasks.relation.tuple_prompts import TemplatePrompt, TuplesPrompt, literal
from relseed.tasks.task import Ask
from tests.boats import RULES, SCHEMA, SEEDS
from tests.graph import PARAMS
from tests.scripted import FREE, UNLIMITED, Scripted

OWNERS = [("Ada Holm", "Wren"), ("Bo Lind", "Sula II"), ("Cid Roe", "Mary of Bath")]
BACKGROUND = {"head_context": "Ada Holm keeps geese.", "tail_context": "The Wren is a yawl."}
DRAFTS = ("<e1>Ada Holm</e1> has the <e2>Wren</e2>.", "The <e2>Wren</e2> is hers, <e1>Ada Holm</e1> says.")


def owner(head: str, tail: str, relation: str = "owner_of", **others: Any) -> EntityTuple:
    types = {"head_type": "PERSON", "tail_type": "BOAT"}
    return EntityTuple(head=head, relation=relation, tail=tail, source="a.csv:2", **types, **others)


TUPLES = [owner(*names) for names in OWNERS]
NEGATIVE = owner("Ada Holm", "Mary of Bath", "no_relation")


def ask(tuples: Sequence[EntityTuple], loop: str = "per_tuple", **changes: Any) -> Ask:
    fields = {
        "method": "m",
        "loop": loop,
        "schema": SCHEMA,
        "label": tuples[0].relation,
        "kind": None,
        "count": len(tuples),
        "rules": RULES,
        "seeds": SEEDS,
        "diversity_instruction": False,
        "characters": None,
        "tuples": tuples,
    }
    return Ask(**fields | changes)


def asked(prompt: Any, demonstrations: Sequence[str] = ()) -> str:
    return "\n".join(message.content for message in prompt.messages(demonstrations))


def samples(*sentences: str, relation: str = "owner of", **others: Any) -> str:
    listed = [{"pair": at, "sentence": sentence, **others} for at, sentence in enumerate(sentences, start=1)]
    return json.dumps({"relation": relation, "samples": listed})


def method(name: str, folder: Path, tuples: Sequence[Any] = TUPLES, **changes: Any) -> Method:
    """A method of params.yaml that writes about these tuples, or rewords these sentences."""
    write_records(folder / "about.jsonl", tuples)
    changes = {"about": str(folder / "about.jsonl"), "per_label": 9, "max_request_factor": 2, "negatives": []} | changes
    settings = loop_of(Params(PARAMS), name).Settings(**PARAMS["methods"][name] | changes)
    rules = rules_of(SCHEMA, SEEDS).without(getattr(loop_of(Params(PARAMS), name), "WITHOUT", ()))
    llm = LLM(**PARAMS["llms"][settings.llm])
    return Method(name, settings, llm, TASK, SCHEMA, RuleFilter(rules, RULES, SEEDS))


def written(chosen: Method, *responses: str) -> tuple[list[Exchange], list[Request]]:
    """What is asked and answered when the method writes, its responses in order."""
    left = iter(responses)
    engine = Scripted(lambda _: next(left))
    found = asyncio.run(write(chosen, Client(engine, None, UNLIMITED, FREE)))
    return list(found.exchanges), engine.requests


def texts(candidates: Sequence[Candidate]) -> list[str]:
    return [candidate.text for candidate in candidates]


# Tuples


def test_a_tuple_has_an_id_of_its_names_and_its_relation():
    assert len({*(each.id for each in TUPLES), NEGATIVE.id, owner("Wren", "Ada Holm").id}) == 5
    assert owner("Ada Holm", "Wren", **BACKGROUND).id == TUPLES[0].id


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"relation": "sails"}, "a.jsonl:2: unknown relation 'sails': the schema has owner_of"),
        ({"tail_type": "PERSON"}, "a.jsonl:2: owner_of asks for PERSON -> BOAT, the names are PERSON -> PERSON"),
    ],
)
def test_a_tuple_that_the_schema_does_not_know_is_an_error_with_its_line(tmp_path, changes, problem):
    write_records(tmp_path / "a.jsonl", [TUPLES[0], TUPLES[1].model_copy(update=changes)])
    with pytest.raises(DataError, match=re.escape(problem)):
        read_tuples(tmp_path / "a.jsonl", SCHEMA)


def test_a_written_sentence_is_a_tuple_with_a_draft():
    assert tuple_of(SEEDS[0]).drafts == (TASK.show(SEEDS[0]),)


# What is asked


def test_a_prompt_lists_the_names_of_its_tuples_and_nothing_that_they_do_not_have():
    text = asked(TuplesPrompt(ask(TUPLES)))
    assert "Pair 2: head Bo Lind | tail Sula II" in text
    assert "Draft" not in text
    assert "About" not in text
    assert "reason" not in text


def test_paragraphs_about_the_entities_are_shown_where_there_are_any():
    text = asked(TuplesPrompt(ask([owner("Ada Holm", "Wren", **BACKGROUND), TUPLES[1]])))
    assert "About Ada Holm: Ada Holm keeps geese.\nAbout Wren: The Wren is a yawl." in text
    assert "It fits what is said about the two" in text


def test_drafts_are_shown_to_make_one_sentence_of():
    text = asked(TuplesPrompt(ask([owner("Ada Holm", "Wren", drafts=DRAFTS)])))
    assert [line for line in text.splitlines() if line.startswith("Draft: ")] == [f"Draft: {one}" for one in DRAFTS]
    assert "Make one new sample of the drafts" in text


def test_reasoning_comes_before_the_sentence_where_it_is_asked_for():
    prompt = TuplesPrompt(ask(TUPLES, reasoning=True))
    [sample, *_] = prompt.response_schema()["properties"]["samples"]["prefixItems"]
    assert list(sample["properties"]) == ["pair", "reasoning", "sentence"]
    assert '"reasoning": "..."' in asked(prompt)


def test_tuples_of_the_negative_label_are_asked_for_with_what_must_not_hold():
    text = asked(TuplesPrompt(ask([NEGATIVE], kind="co_occurrence")))
    assert "The relations that must not hold between head and tail:\n- owner of (PERSON, BOAT)" in text
    assert "says or implies none of the relations above" in text


NAMES = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters='<>"\\{}[]'), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def grammars(tiny_llm) -> llguidance.LLTokenizer:
    return llguidance.hf.from_tokenizer(AutoTokenizer.from_pretrained(tiny_llm))


def accepts(grammars: llguidance.LLTokenizer, grammar: str, text: str) -> bool:
    """Whether the whole text fits."""
    matcher = llguidance.LLMatcher(grammars, grammar)
    tokens = grammars.tokenize_str(text)
    return bool(matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting())


@given(name=NAMES, other=NAMES)
def test_any_name_stands_in_a_regular_expression_as_itself(grammars, name, other):
    grammar = llguidance.LLMatcher.grammar_from_regex(literal(name))
    assert accepts(grammars, grammar, name)
    assert name == other or not accepts(grammars, grammar, other)


@pytest.mark.parametrize(
    ("sentence", "fits"),
    [
        ("Old <e1>Ada Holm</e1> bought the <e2>Wren</e2> at last.", True),
        ("The <e2>Wren</e2> went to <e1>Ada Holm</e1> in May.", True),
        ("Old <e1>Ada</e1> bought the <e2>Wren</e2> at last.", False),
        ("Old Ada Holm bought the <e2>Wren</e2> at last.", False),
    ],
)
def test_a_response_is_held_to_the_names_of_its_tuples(grammars, sentence, fits):
    schema = TuplesPrompt(ask(TUPLES[:1])).response_schema()
    grammar = llguidance.LLMatcher.grammar_from_json_schema(json.dumps(schema))
    text = samples(sentence)
    assert accepts(grammars, grammar, text) is fits


# What is read


def read(tuples: Sequence[EntityTuple], text: str, **changes: Any) -> list[Candidate]:
    return TuplesPrompt(ask(tuples, **changes)).parse("m/owner_of/0/0", text, truncated=False)


def test_a_sample_belongs_to_the_pair_that_it_names_whatever_its_place():
    listed = [{"pair": at, "sentence": f"<e1>{OWNERS[at - 1][0]}</e1>, <e2>{OWNERS[at - 1][1]}</e2>"} for at in (3, 1)]
    found = read(TUPLES, json.dumps({"relation": "owner of", "samples": listed}))
    assert [each.fields["tuple"] for each in found] == [TUPLES[2].id, TUPLES[0].id]
    assert [each.problem for each in found] == [None, None]


def test_a_mention_that_is_not_the_name_is_a_problem():
    [found] = read(TUPLES[:1], samples("<e1>Ada</e1> bought the <e2>Wren</e2> at last."))
    assert found.problem == "the head is 'Ada', asked for was 'Ada Holm'"


def test_a_pair_that_was_not_asked_for_is_a_problem():
    [found] = read(TUPLES[:1], json.dumps({"samples": [{"pair": 2, "sentence": "<e1>Ada</e1>, <e2>Wren</e2>"}]}))
    assert found.problem == "there is no pair 2, there are 1"


def test_reasoning_stays_with_the_candidate_and_is_not_in_the_example():
    [found] = read(TUPLES[:1], samples("Old <e1>Ada Holm</e1> bought the <e2>Wren</e2>.", reasoning="A sale."))
    assert found.fields["reasoning"] == "A sale."
    example = rules_of(SCHEMA, SEEDS).example(found)
    assert "reasoning" not in example.model_dump()
    assert example.model_dump()["tuple"] == TUPLES[0].id


values = st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3))
GARBAGE = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    values.map(lambda found: json.dumps({"samples": found, "templates": found})),
    values.map(lambda found: json.dumps({"samples": [{"pair": found, "sentence": found}]})),
)


@given(text=GARBAGE, truncated=st.booleans())
def test_no_response_is_too_odd_to_be_read(text, truncated):
    prompts = [
        TuplesPrompt(ask(TUPLES)),
        TemplatePrompt(ask(TUPLES, "template")),
        PlainPrompt.of(ask(TUPLES[:1]), "plain"),
    ]
    for prompt in prompts:
        for candidate in prompt.parse("m/owner_of/0/0", text, truncated=truncated):
            assert candidate.id.startswith("m/owner_of/0/0/")


# Per tuple


def test_tuples_are_asked_about_some_at_a_time(tmp_path):
    chosen = method("reasoned", tmp_path, per_request=2)
    units = targets_of(chosen, loop_of(Params(PARAMS), "reasoned"))
    assert [(unit.unit, unit.wanted) for unit in units] == [("owner_of/0", 2), ("owner_of/1", 1)]


def test_no_more_tuples_of_a_label_are_asked_about_than_per_label(tmp_path):
    chosen = method("reasoned", tmp_path, per_label=2, per_request=9)
    assert [unit.tuples for unit in targets_of(chosen, loop_of(Params(PARAMS), "reasoned"))] == [tuple(TUPLES[:2])]


def test_tuples_of_the_negative_label_come_by_their_types_and_only_where_they_are_wanted(tmp_path):
    some = [TUPLES[0], NEGATIVE]
    without = method("reasoned", tmp_path, some, demonstrations=0)
    wanted = method("reasoned", tmp_path, some, demonstrations=0, negatives=["co_occurrence"])
    loop = loop_of(Params(PARAMS), "reasoned")
    assert [unit.unit for unit in targets_of(without, loop)] == ["owner_of/0"]
    assert [unit.unit for unit in targets_of(wanted, loop)] == ["owner_of/0", "co_occurrence/PERSON-BOAT/0"]


def test_tuples_without_a_sentence_that_passes_are_asked_about_again(tmp_path):
    good = [
        f"Old <e1>{head}</e1> sold a barn to buy the <e2>{tail}</e2> in {word}."
        for (head, tail), word in zip(OWNERS, ("spring", "March", "haste"), strict=True)
    ]
    first = samples(good[0], "too short", "<e1>Cid</e1> owns the <e2>Mary of Bath</e2> since long ago.")
    second = samples("At dusk <e1>Bo Lind</e1> paid for the <e2>Sula II</e2> in coins.", good[2])
    exchanges, requests = written(method("reasoned", tmp_path, per_request=3), first, second)
    heads = re.findall(r"^Pair \d: head (.*) \|", requests[1].messages[-1].content, re.MULTILINE)
    assert heads == ["Bo Lind", "Cid Roe"]
    assert [len(exchange.candidates) for exchange in exchanges] == [3, 2]


def test_asking_ends_with_the_most_that_may_be_asked_for(tmp_path):
    chosen = method("reasoned", tmp_path, per_request=3, max_request_factor=1.4)
    _, requests = written(chosen, samples("bad", "bad", "bad"), samples("bad"))
    assert len(requests) == 2


def test_a_rehearsal_asks_about_each_tuple_once(tmp_path):
    chosen = method("reasoned", tmp_path, per_request=2)
    assert len(asyncio.run(rehearse(chosen, targets_of(chosen, loop_of(Params(PARAMS), "reasoned"))))) == 2


def test_a_label_whose_tuples_have_no_seed_to_show_is_skipped(tmp_path, capsys):
    chosen = method("reasoned", tmp_path)
    chosen = Method(
        chosen.name, chosen.settings, chosen.asks, TASK, SCHEMA, RuleFilter(rules_of(SCHEMA, []), RULES, [])
    )
    with pytest.raises(UserError, match="none of its labels has seeds to show"):
        targets_of(chosen, loop_of(Params(PARAMS), "reasoned"))
    assert "skipped owner_of" in capsys.readouterr().out


# Templates


def templates(*found: str) -> str:
    return json.dumps({"relation": "owner of", "templates": found})


def test_templates_are_filled_with_the_tuples_in_turn():
    prompt = TemplatePrompt(ask(TUPLES, "template", count=2))
    text = templates("Old {head} bought the {tail}.", "The {tail} went to {head}.")
    assert texts(prompt.parse("m/owner_of/0/0", text, truncated=False)) == [
        "Old <e1>Ada Holm</e1> bought the <e2>Wren</e2>.",
        "The <e2>Sula II</e2> went to <e1>Bo Lind</e1>.",
        "Old <e1>Cid Roe</e1> bought the <e2>Mary of Bath</e2>.",
    ]


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("Old {head} rows home.", "the template has the slots head, not head and tail once each"),
        ("{head}, {head} and the {tail}", "the template has the slots head, head, tail, not head and tail once each"),
        ("No slot at all", "the template has the slots none, not head and tail once each"),
        ("{head} bought the {tail} in {year}", "the template holds brackets beside its slots"),
    ],
)
def test_a_template_that_cannot_be_filled_is_rejected_and_the_others_fill_its_place(template, problem):
    prompt = TemplatePrompt(ask(TUPLES, "template"))
    found = prompt.parse("m/owner_of/0/0", templates(template, "Old {head} has the {tail}."), truncated=False)
    assert [each.problem for each in found] == [None, None, None, problem]


def test_names_that_look_like_slots_are_left_alone():
    prompt = TemplatePrompt(ask([owner("The {tail}", "Wren")], "template"))
    [found] = prompt.parse("m/owner_of/0/0", templates("Old {head} has the {tail}."), truncated=False)
    assert found.text == "Old <e1>The {tail}</e1> has the <e2>Wren</e2>."


def test_sentences_of_one_template_all_pass(tmp_path):
    chosen = method("template", tmp_path)
    exchanges, _ = written(chosen, templates("Last spring the bank sold the {tail} to {head} for a song."))
    accepted, rejected = chosen.rules.with_nothing_accepted().apply_all(exchanges[0].candidates)
    assert (len(accepted), rejected) == (3, [])


# One sentence, by models that follow no instructions


def plain(each: EntityTuple, text: str) -> Candidate:
    [found] = PlainPrompt.of(ask([each]), "plain").parse("m/owner_of/0/0", text, truncated=False)
    return found


@pytest.mark.parametrize(
    ("text", "tagged"),
    [
        ("Ada Holm bought the Wren.", "<e1>Ada Holm</e1> bought the <e2>Wren</e2>."),
        ("The Wren is  Ada Holm's\n boat, the Wren.", "The <e2>Wren</e2> is <e1>Ada Holm</e1>'s boat, the Wren."),
        ("Nobody bought the Wren.", "Nobody bought the Wren."),
        ("<e1>Ada Holm</e1> bought the Wren.", "<e1>Ada Holm</e1> bought the <e2>Wren</e2>."),
    ],
)
def test_the_first_place_of_each_name_becomes_its_mention(text, tagged):
    assert plain(TUPLES[0], text).text == tagged


def test_a_name_inside_of_the_other_is_no_mention_of_its_own():
    each = owner("Mary", "Mary of Bath")
    assert (
        plain(each, "The Mary of Bath is owned by Mary.").text == "The <e2>Mary of Bath</e2> is owned by <e1>Mary</e1>."
    )
    assert "<e1>" not in plain(each, "The Mary of Bath sails.").text


@given(head=NAMES, tail=NAMES, text=st.text(max_size=30))
def test_tags_take_nothing_away_from_a_text(head, tail, text):
    whole = " ".join(TAG.sub("", f"{text} {head} {tail}").split())
    found = plain(EntityTuple(head=f"a{head}", relation="owner_of", tail=f"b{tail}", source="x"), whole)
    assert TAG.sub("", found.text) == whole


def test_a_few_shot_prompt_shows_tuples_with_their_sentences():
    text = asked(PlainPrompt.of(ask(TUPLES[:1]), "plain"), ["Old <e1>Ines</e1> has the <e2>Sula</e2>."])
    assert text == (
        "relation: owner of (person, boat) | head: Ines | tail: Sula\nsentence: Old Ines has the Sula.\n\n"
        "relation: owner of (person, boat) | head: Ada Holm | tail: Wren\nsentence:"
    )


def test_without_demonstrations_it_is_what_a_model_is_fine_tuned_on():
    relation = SCHEMA.by_label["owner_of"]
    assert asked(PlainPrompt.of(ask(TUPLES[:1]), "plain")) == f"{linearised(relation, 'Ada Holm', 'Wren')}\nsentence:"


@pytest.mark.parametrize("form", ["chat", "plain"])
def test_a_paraphraser_is_shown_the_sentence_without_tags(form):
    text = asked(PlainPrompt.of(ask([owner("Ada Holm", "Wren", drafts=DRAFTS)], "paraphrase"), form))
    assert text.endswith("Ada Holm has the Wren.")


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("In May Ada Holm bought the Wren.", True),
        ("The Wren, said Ada Holm, is hers!", True),
        ("In May Ada Holms bought the Wren.", False),
        ("In May Ada Holm bought a boat.", False),
        ("Ada HolmWren.", False),
    ],
)
def test_a_sentence_is_held_to_both_names_as_whole_words(grammars, text, fits):
    grammar = llguidance.LLMatcher.grammar_from_regex(
        PlainPrompt.of(ask(TUPLES[:1]), "plain").response_schema()["regex"]
    )
    assert accepts(grammars, grammar, text) is fits


def test_a_paraphrase_is_asked_for_again_until_it_passes(tmp_path):
    draft = {"id": "template/owner_of/0/0/0", "method": "template", "tuple": TUPLES[0].id}
    seed = SEEDS[0].model_copy(update=draft)
    chosen = method("template_smollm2", tmp_path, [seed])
    head, tail = (mention.text_of(seed.text) for mention in (seed.head, seed.tail))
    _, requests = written(chosen, "no names", f"A bank lent {head} the coins that paid for the {tail}.")
    assert len(requests) == 2


def test_a_document_to_go_on_with_is_no_way_to_ask_about_tuples():
    with pytest.raises(UserError, match="the loop per_tuple needs an LLM whose form is chat or plain"):
        TASK.prompt(ask(TUPLES), "continuation")
