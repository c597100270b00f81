"""Entity tuples: what is kept of a source, negatives made of them, and what the LLM is asked that writes them."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from relseed.generation.exchanges import Exchange
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params
from relseed.records.candidates import Candidate
from relseed.records.files import read_records, write_records
from relseed.tasks.relation import Relation, Schema
from relseed.tasks.relation.entity_tuple import EntityTuple
from relseed.tuples.collection import gather
from relseed.tuples.pairs import digest_of, digests_of
from relseed.tuples.prompt import TuplePrompt
from relseed.tuples.record import LeftOut
from relseed.tuples.source import Asked, TuplesSettings
from stages import tuples as stage
from tests.boats import SCHEMA as BOATS
from tests.boats import SEEDS, UNTYPED
from tests.graph import PARAMS
from tests.hostile import chat, serving

SCHEMA = Schema(
    relations=(
        Relation(relation="owns", head_type="PERSON", tail_type="BOAT", definition="the head owns the tail"),
        Relation(
            relation="married", head_type="PERSON", tail_type="PERSON", definition="they are married", symmetric=True
        ),
        Relation(relation="none", definition="neither", negative=True),
    )
)
NAMES = ("Ada", "Bo", "Cid", "Dag", "Eva", "Fay")


def owns(head: str, tail: str, source: str = "a.csv:2") -> EntityTuple:
    return EntityTuple(head=head, head_type="PERSON", relation="owns", tail=tail, tail_type="BOAT", source=source)


def married(head: str, tail: str) -> EntityTuple:
    return EntityTuple(
        head=head, head_type="PERSON", relation="married", tail=tail, tail_type="PERSON", source="a.csv:3"
    )


def asked(schema: Schema = SCHEMA, **changes: Any) -> Asked:
    settings = {"source": "table", "reads": "a.csv", "per_label": None, "negatives": 0, "seed": 1} | changes
    return Asked(TuplesSettings.model_validate(settings), Params({}), schema, [])


def kept(*found: EntityTuple, in_test: Sequence[str] = (), **changes: Any) -> list[tuple[str, str, str]]:
    return [(each.head, each.relation, each.tail) for each in gather(found, asked(**changes), in_test)]


def reasons(*found: EntityTuple, in_test: Sequence[str] = ()) -> list[str]:
    request = asked()
    gather(found, request, in_test)
    return [each.reason for each in request.left_out]


# What is kept


def test_tuples_are_kept_relation_by_relation_in_the_order_of_the_schema():
    assert kept(married("Ada", "Bo"), owns("Cid", "Sula"), owns("Ada", "Wren")) == [
        ("Cid", "owns", "Sula"),
        ("Ada", "owns", "Wren"),
        ("Ada", "married", "Bo"),
        ("Bo", "married", "Ada"),
    ]


def test_a_tuple_that_comes_again_in_other_letter_case_or_punctuation_is_kept_once():
    assert kept(owns("Ada Holm", "Sula"), owns("ada  holm.", "SULA")) == [("Ada Holm", "owns", "Sula")]
    assert reasons(owns("Ada", "Sula"), owns("Ada", "Sula")) == ["repeated"]


def test_the_same_two_names_may_stand_in_two_relations_and_in_both_directions_of_one_that_is_not_symmetric():
    assert len(kept(owns("Ada", "Bo"), married("Ada", "Bo"))) == 3
    assert len(kept(owns("Ada", "Bo"), owns("Bo", "Ada"))) == 2


def test_a_symmetric_relation_holds_in_both_directions_and_neither_comes_twice():
    assert kept(married("Ada", "Bo"), married("Bo", "Ada")) == [("Ada", "married", "Bo"), ("Bo", "married", "Ada")]


def test_the_types_of_a_symmetric_relation_are_exchanged_with_its_names():
    found = married("Ada", "Bo").model_copy(update={"head_type": "PERSON", "tail_type": "CREW"})
    assert (found.reversed.head_type, found.reversed.tail_type) == ("CREW", "PERSON")


def test_two_names_of_the_test_set_are_no_tuple_of_any_relation_whichever_comes_first():
    in_test = [digest_of("Sula", "ADA")]
    assert kept(owns("Ada", "Sula"), owns("Ada", "Wren"), in_test=in_test) == [("Ada", "owns", "Wren")]
    assert reasons(owns("Ada", "Sula"), in_test=in_test) == ["in_test"]


def test_what_is_known_of_the_test_set_holds_no_name():
    [digest] = digests_of(SEEDS[:1])
    assert digest == digest_of("marit ness", "Petrel")
    assert len(digest) == 16
    assert set(digest) <= set("0123456789abcdef")


def test_a_name_is_no_tuple_with_itself():
    assert reasons(owns("Ada", "ada")) == ["same_name"]


def test_no_more_than_wanted_are_kept_of_a_relation_and_half_as_many_pairs_of_a_symmetric_one():
    many = [owns(f"Owner {number}", f"Boat {number}") for number in range(9)]
    couples = [married(f"He {number}", f"She {number}") for number in range(9)]
    assert Counter(relation for _, relation, _ in kept(*many, *couples, per_label=4)) == {"owns": 4, "married": 4}


def test_which_are_kept_depends_on_the_random_seed_and_not_on_their_order():
    many = [owns(f"Owner {number}", f"Boat {number}") for number in range(50)]
    first = kept(*many, per_label=5)
    assert set(kept(*reversed(many), per_label=5)) == set(first)
    assert set(kept(*many, per_label=5, seed=2)) != set(first)


# Negatives


def test_a_negative_is_the_head_of_one_tuple_with_the_tail_of_another_and_holds_in_no_direction():
    found = [owns(name, f"The {name}") for name in NAMES]
    rows = kept(*found, negatives=5)[len(found) :]
    assert len(rows) == len(set(rows)) == 5
    assert {relation for _, relation, _ in rows} == {"none"}
    stated = {(each.head, each.tail) for each in found}
    assert not {(head, tail) for head, _, tail in rows} & stated


def test_a_negative_of_the_test_set_is_not_made():
    found = [owns("Ada", "Sula"), owns("Bo", "Wren")]
    in_test = [digest_of("Ada", "Wren")]
    assert kept(*found, negatives=2, in_test=in_test)[2:] == [("Bo", "none", "Sula")]


def test_negatives_keep_the_types_of_the_tuples_that_they_are_made_of():
    found = [owns(name, f"The {name}") for name in NAMES]
    made = [each for each in gather(found, asked(negatives=3), ()) if each.relation == "none"]
    assert {(each.head_type, each.tail_type) for each in made} == {("PERSON", "BOAT")}
    assert all(each.source.startswith("re-paired: a.csv:2") for each in made)


def test_there_are_fewer_negatives_where_there_are_no_more_pairs_and_none_without_a_negative_label():
    assert len(kept(owns("Ada", "Sula"), owns("Bo", "Wren"), negatives=9)) == 4
    without = Schema(relations=SCHEMA.relations[:2])
    assert len(kept(owns("Ada", "Sula"), owns("Bo", "Wren"), negatives=9, schema=without)) == 2


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=12), st.integers(0, 5))
def test_whatever_comes_no_pair_is_both_stated_and_a_negative(pairs, negatives):
    found = [owns(head, tail) for head, tail in pairs] + [married(head, tail) for head, tail in pairs[:3]]
    rows = kept(*found, negatives=negatives)
    assert len(rows) == len(set(rows))
    stated = {frozenset((head, tail)) for head, relation, tail in rows if relation != "none"}
    assert not stated & {frozenset((head, tail)) for head, relation, tail in rows if relation == "none"}


# Records


@pytest.mark.parametrize("name", ["", "  ", "…", "<e1>Ada</e1>"])
def test_what_no_sentence_can_hold_as_a_name_is_none(name):
    with pytest.raises(ValueError, match=r"is no name|holds a tag"):
        owns(name, "Sula")


def test_blanks_and_line_breaks_in_a_name_become_one_blank():
    assert owns(" Ada \n Holm ", "Sula").head == "Ada Holm"


# The prompt


def test_the_prompt_shows_the_relation_its_types_and_the_pairs_that_are_taken():
    [message] = TuplePrompt(SCHEMA.relations[0], 3, [("Ada", "Sula")]).messages()
    for words in ("Relation: owns", "the head is of type PERSON, the tail of type BOAT", "- Ada | Sula", "Write 3 new"):
        assert words in message.content
    assert "both directions" not in message.content


def test_the_prompt_of_a_symmetric_relation_says_so_and_that_of_an_untyped_one_names_no_types():
    assert "holds in both directions" in TuplePrompt(SCHEMA.relations[1], 3, ()).messages()[0].content
    assert "of type" not in TuplePrompt(UNTYPED.relations[0], 3, ()).messages()[0].content.partition("Write")[0]


def test_the_response_schema_asks_for_so_many_pairs():
    schema = TuplePrompt(SCHEMA.relations[0], 3, ()).response_schema()
    tuples = schema["properties"]["tuples"]
    assert (tuples["minItems"], tuples["maxItems"], tuples["items"]["required"]) == (3, 3, ["head", "tail"])


_JSON = st.recursive(st.none() | st.integers() | st.text(), st.lists)


@given(st.text() | _JSON.map(lambda value: json.dumps({"tuples": [value]})))
def test_any_response_is_read(text):
    prompt = TuplePrompt(SCHEMA.relations[0], 3, ())
    assert all(isinstance(each, Candidate) for each in prompt.parse("tuples/owns/0", text, truncated=False))


# The LLM as a source


def answer(*pairs: tuple[str, str]) -> str:
    return json.dumps({"relation": "owner of", "tuples": [{"head": head, "tail": tail} for head, tail in pairs]})


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the stage against a server that gives these responses in turn; what it wrote, and what was left out."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    write_records(Path("labels.jsonl"), [BOATS.relations[0], BOATS.relations[2]])
    write_records(Path("seeds.jsonl"), SEEDS)
    Path("test_pairs.txt").write_text(f"{digest_of('Bo', 'Wren')}\n", encoding="utf-8")

    def run(*responses: str, **changes: Any) -> tuple[list[EntityTuple], list[LeftOut]]:
        left = iter(responses)
        with serving(lambda handler: handler.send(200, chat(next(left)))) as server:
            llms = {"teacher": PARAMS["llms"]["teacher"] | {"engine": "openai"}}
            engines = PARAMS["engines"] | {"openai": {"url": server.url}}
            entry = PARAMS["tuples"] | {"per_label": 2, "negatives": 0, "per_request": 2} | changes
            params = PARAMS | {"llms": llms, "engines": engines, "tuples": entry}
            Path("params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
            files = {name: Path(f"{name}.jsonl") for name in ("labels", "seeds", "tuples", "left_out", "candidates")}
            stage.main(test_pairs=Path("test_pairs.txt"), **files)
        found = [each for _, each in read_records(Path("tuples.jsonl"), EntityTuple)]
        return found, [each for _, each in read_records(Path("left_out.jsonl"), LeftOut)]

    return run


def test_the_stage_writes_what_the_llm_answers_with_the_types_of_the_relation(run):
    found, left_out = run(answer(("Ada", "Sula"), ("Cid", "Tern")))
    assert [each.model_dump(exclude_unset=True) for each in found] == [
        {
            "head": head,
            "head_type": "PERSON",
            "relation": "owner_of",
            "tail": tail,
            "tail_type": "BOAT",
            "source": f"tuples/owner_of/0/{number}",
        }
        for number, (head, tail) in enumerate([("Ada", "Sula"), ("Cid", "Tern")])
    ]
    assert left_out == []


def test_names_of_seeds_and_names_that_come_again_are_left_out_and_asked_for_again(run):
    found, left_out = run(answer(("Marit Ness", "Sula"), ("Ada", "Tern")), answer(("Ada", "Auk")))
    assert [(each.head, each.tail) for each in found] == [("Ada", "Tern")]
    assert [each.reason for each in left_out] == ["name_of_a_seed", "name_repeated"]


def test_a_pair_of_the_test_set_is_left_out_and_counted(run, capsys):
    found, left_out = run(answer(("Bo", "Wren"), ("Ada", "Tern")))
    assert [each.reason for each in left_out] == ["in_test"]
    assert "left out: in_test" in capsys.readouterr().out
    assert len(found) == 1


@pytest.mark.parametrize("text", ["no JSON", '{"tuples": [{"head": "Ada"}]}', '{"tuples": ["Ada"]}'])
def test_what_cannot_be_read_is_left_out_with_its_reason(run, text):
    found, left_out = run(text, text, max_request_factor=1.5, per_label=2)
    assert found == []
    assert {each.reason for each in left_out} <= {"unreadable", "no_name"}
    assert left_out


def test_a_later_request_shows_what_an_earlier_one_brought(run):
    run(answer(("Marit Ness", "Sula"), ("Ada", "Tern")), answer(("Cid", "Auk")))
    exchanges = [each for _, each in read_records(Path("candidates.jsonl"), Exchange)]
    shown = [exchange.request.messages[-1].content for exchange in exchanges]
    assert ["- Ada | Tern" in text for text in shown] == [False, True]


def test_a_task_without_relations_has_no_tuples(run):
    Path("params.yaml").write_text(yaml.safe_dump(PARAMS | {"task": "yes_no"}), encoding="utf-8")
    with pytest.raises(UserError, match="tuples are of relations, and the task is yes_no"):
        stage.main(*[Path("x")] * 6)
