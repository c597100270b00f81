"""The one record format: what fits, what does not and where, and spans in other notations."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from relseed.records.candidates import candidate_id, method_of, request_id, request_of, unit_of
from relseed.records.files import DataError, read_json_lines, read_lines, write_records
from relseed.tasks.relation import TASK, Example, Mention, Schema, Sentence
from relseed.tasks.relation.tags import detokenize, replace_mentions, tagged, token_to_char_span, untag
from relseed.tasks.task import each_example, read_examples, read_schema
from tests.strategies import characters as any_character
from tests.strategies import sentences, tokenized
from tests.tokens import tokens_and_spans

SCHEMA = Schema.model_validate(
    {
        "relations": [
            {"relation": "owns", "head_type": "PERSON", "tail_type": "BOAT", "definition": "the head owns the tail"},
            {"relation": "none", "definition": "nothing is said", "negative": True},
        ]
    }
)
TEXT = "Old Marit still rows the Sula herself."
GOOD = {
    "id": "boats-1",
    "text": TEXT,
    "head": {"start": 4, "end": 9, "type": "PERSON"},
    "tail": {"start": 25, "end": 29, "type": "BOAT"},
    "relation": "owns",
}


def write(path: Path, *records: Any) -> Path:
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
    return path


def error_of(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_examples(path, TASK, SCHEMA)
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"tail": {"start": 25, "end": 99, "type": "BOAT"}}, "tail 25:99 does not fit the text of 38 characters"),
        ({"tail": {"start": -3, "end": 29, "type": "BOAT"}}, "tail -3:29 does not fit"),
        ({"tail": {"start": 29, "end": 29, "type": "BOAT"}}, "tail 29:29 does not fit"),
        ({"tail": {"start": 24, "end": 29, "type": "BOAT"}}, "begins or ends with a blank"),
        ({"tail": {"start": 7, "end": 15, "type": "BOAT"}}, "head 4:9 and tail 7:15 overlap"),
        ({"tail": {"start": "25", "end": 29, "type": "BOAT"}}, "tail.start: Input should be a valid integer"),
        ({"tail": {"start": True, "end": 29, "type": "BOAT"}}, "tail.start: Input should be a valid integer"),
        ({"tail": {"start": 25, "end": 29, "kind": "BOAT"}}, "tail.kind: Extra inputs are not permitted"),
        ({"tail": None}, "tail: Input should be"),
        ({"text": 7}, "text: Input should be a valid string"),
        ({"relation": "sails"}, "unknown label 'sails': the schema has owns, none"),
        (
            {"head": {"start": 4, "end": 9, "type": "BOAT"}},
            "owns asks for PERSON -> BOAT, the mentions are BOAT -> BOAT",
        ),
        ({"head": {"start": 4, "end": 9}}, "the mentions are None -> BOAT"),
        ({}, "id 'boats-1' was used before (line 1)"),
    ],
)
def test_an_unfit_example_is_an_error_with_file_line_and_cause(tmp_path: Path, change: dict, says: str) -> None:
    path = write(tmp_path / "train.jsonl", GOOD, {**GOOD, "id": "boats-1" if not change else "boats-2", **change})
    assert error_of(path).startswith(f"{path}:2: ")
    assert says in error_of(path)


@pytest.mark.parametrize(
    "line", ["{", "[1]", "7", '{"id": NaN}', '{"id": "\\ud800"}', "[" * 100_000, '{"n": 1e999}', "{} {}"]
)
def test_a_line_that_is_not_a_json_object_is_an_error_with_file_and_line(tmp_path: Path, line: str) -> None:
    path = write(tmp_path / "train.jsonl", GOOD)
    path.write_text(path.read_text() + line + "\n")
    assert error_of(path).startswith(f"{path}:2: not ")


def test_all_lines_that_are_wrong_are_named_at_once_in_their_order(tmp_path: Path) -> None:
    path = write(tmp_path / "train.jsonl", GOOD, {**GOOD, "relation": "sails"}, [1], {**GOOD, "id": "b"}, GOOD)
    first, second, third = error_of(path).splitlines()
    assert first.startswith(f"{path}:2: unknown label 'sails'")
    assert second.startswith(f"{path}:3: not a JSON object")
    assert third.startswith(f"{path}:5: id 'boats-1' was used before (line 1)")


def test_twenty_lines_are_named_and_the_others_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "train.jsonl", GOOD, *[{**GOOD, "id": str(number), "text": 7} for number in range(23)])
    *named, last = error_of(path).splitlines()
    assert [line.partition(": ")[0] for line in named] == [f"{path}:{number}" for number in range(2, 22)]
    assert last == "and 3 more"


def test_a_line_that_is_not_utf8_is_named_beside_others(tmp_path: Path) -> None:
    path = write(tmp_path / "train.jsonl", {**GOOD, "relation": "sails"})
    path.write_bytes(path.read_bytes() + b"\xe9\n" + json.dumps(GOOD).encode())
    first, second = error_of(path).splitlines()
    assert first.startswith(f"{path}:1: unknown label")
    assert second.startswith(f"{path}:2: not UTF-8")


def test_labels_that_are_wrong_are_named_at_once(tmp_path: Path) -> None:
    path = write(
        tmp_path / "relations.jsonl", {"relation": "owns"}, {"relation": "none", "definition": "d", "negativ": True}
    )
    with pytest.raises(DataError) as caught:
        read_schema(path, TASK)
    assert str(caught.value).splitlines() == [
        f"{path}:1: definition: Field required",
        f"{path}:2: negativ: Extra inputs are not permitted",
    ]


def test_lines_that_are_read_one_by_one_end_at_the_first_that_is_wrong(tmp_path: Path) -> None:
    lines = read_json_lines(write(tmp_path / "items.jsonl", {"n": 1}, [2], {"n": 3}))
    assert next(lines) == (1, {"n": 1})
    with pytest.raises(DataError, match=r"items\.jsonl:2: not a JSON object"):
        next(lines)


def test_examples_that_are_read_one_by_one_end_at_the_first_that_is_wrong_and_all_that_are_are_named(tmp_path) -> None:
    found = each_example(write(tmp_path / "train.jsonl", GOOD, [2], {**GOOD, "id": "b"}, GOOD), TASK, SCHEMA)
    assert next(found).id == GOOD["id"]
    with pytest.raises(DataError) as caught:
        next(found)
    assert [line.partition(": ")[0] for line in str(caught.value).splitlines()] == [
        f"{tmp_path}/train.jsonl:{number}" for number in (2, 4)
    ]


def test_a_missing_file_is_named_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.jsonl: file not found: get it"):
        read_examples(tmp_path / "gone.jsonl", TASK, SCHEMA, cure="get it")


def test_a_file_without_an_example_is_an_error(tmp_path: Path) -> None:
    assert error_of(write(tmp_path / "train.jsonl")) == f"{tmp_path / 'train.jsonl'}: holds no example"


def test_a_file_that_is_not_utf8_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_bytes(b'{"id": "\xe9"}\n')
    assert "not UTF-8 at byte 8" in error_of(tmp_path / "train.jsonl")


def test_a_bom_windows_line_ends_and_blank_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(GOOD).encode() + b"\r\n\r\n")
    assert read_examples(path, TASK, SCHEMA) == [Example.model_validate(GOOD)]


def test_only_line_feeds_end_a_line(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes("a\u2028b\x0bc\x85d\r\ne".encode())
    assert list(read_lines(tmp_path / "text")) == [(1, "a\u2028b\x0bc\x85d"), (2, "e")]


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ([{"relation": "owns", "definition": "d"}] * 2, "labels defined twice: owns"),
        ([{"relation": "owns", "definition": "d"}], "at least two labels"),
        ([{"relation": name, "definition": "d", "negative": True} for name in "ab"], "only one label can be"),
        ([{"relation": "owns", "definition": "d", "negative": "no"}], "negative: Input should be a valid boolean"),
        ([{"relation": "owns"}], "1: definition: Field required"),
    ],
)
def test_a_schema_that_contradicts_itself_is_an_error(tmp_path: Path, records: list, says: str) -> None:
    with pytest.raises(DataError, match=r"relations\.jsonl") as caught:
        read_schema(write(tmp_path / "relations.jsonl", *records), TASK)
    assert says in str(caught.value)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(any_character),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(any_character), inner, max_size=3),
    max_leaves=4,
)


@given(found=st.lists(sentences(), min_size=1, max_size=4), extra=json_values)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
def test_examples_are_written_again_byte_for_byte(tmp_path: Path, found: list[Sentence], extra: Any) -> None:
    lines = [
        {"id": str(number), **sentence.model_dump(exclude={"id"}), "relation": "none", "remark": extra}
        for number, sentence in enumerate(found)
    ]
    path = tmp_path / "train.jsonl"
    path.write_text(
        "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8", newline=""
    )
    write_records(tmp_path / "again.jsonl", read_examples(path, TASK, SCHEMA))
    assert (tmp_path / "again.jsonl").read_bytes() == path.read_bytes()


def test_a_failed_write_leaves_the_previous_file(tmp_path: Path) -> None:
    path = write(tmp_path / "train.jsonl", GOOD)
    records = (Example.model_validate({**GOOD, "head": None}) for _ in range(1))
    with pytest.raises(ValidationError):
        write_records(path, records)
    assert [file.name for file in tmp_path.iterdir()] == ["train.jsonl"]
    assert read_examples(path, TASK, SCHEMA)


def test_tags_are_read_in_either_order() -> None:
    for text in ("Old <e1>Marit</e1> rows the <e2>Sula</e2>.", "The <e2>Sula</e2> is rowed by <e1>Marit</e1>."):
        sentence = untag(text)
        assert (sentence.head.text_of(sentence.text), sentence.tail.text_of(sentence.text)) == ("Marit", "Sula")


def test_a_tag_inside_a_word_keeps_the_characters_exactly() -> None:
    sentence = untag("two 12-<e1>oar</e1>boats of<e2>Sula</e2>")
    assert sentence.text == "two 12-oarboats ofSula"
    assert tagged(sentence) == "two 12-<e1>oar</e1>boats of<e2>Sula</e2>"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Old Marit rows.", "no <e1>: mark the head as <e1>..</e1> and the tail as <e2>..</e2>"),
        ("Old <e1>Marit</e1> rows the Sula.", "no <e2>"),
        ("Old <e1>Marit rows the <e2>Sula</e2>.", "no </e1>"),
        ("<e1>Marit</e1> and <e1>Ola</e1> row the <e2>Sula</e2>.", "<e1> occurs 2 times"),
        ("Old <e1>Marit rows the <e2>Sula</e2></e1>.", "the tags stand as <e1> <e2> </e2> </e1>"),
        ("Old <e1>Marit <e2>rows</e1> the Sula</e2>.", "the tags stand as <e1> <e2> </e1> </e2>"),
        ("Old </e1>Marit<e1> rows the <e2>Sula</e2>.", "the tags stand as </e1> <e1> <e2> </e2>"),
        ("Old <e1></e1> rows the <e2>Sula</e2>.", "head 4:4 does not fit"),
        ("Old <e1>Marit </e1>rows the <e2>Sula</e2>.", "begins or ends with a blank"),
    ],
)
def test_tags_that_do_not_mark_two_mentions_are_an_error(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        untag(text)


@given(sentences())
def test_tags_round_trip(sentence: Sentence) -> None:
    assert untag(tagged(sentence)) == sentence


def test_a_text_that_holds_a_tag_cannot_be_tagged() -> None:
    sentence = Sentence(text="a </e2> b", head=Mention(start=0, end=1), tail=Mention(start=8, end=9))
    with pytest.raises(ValueError, match="the text itself holds </e2>"):
        tagged(sentence)


@given(tokenized())
def test_token_spans_round_trip(found: tuple[list[str], tuple[int, int], tuple[int, int]]) -> None:
    tokens, *spans = found
    head, tail = (Mention(start=start, end=end) for start, end in (token_to_char_span(tokens, span) for span in spans))
    sentence = Sentence(text=detokenize(tokens), head=head, tail=tail)
    assert head.text_of(sentence.text) == " ".join(tokens[spans[0][0] : spans[0][1] + 1])
    assert tokens_and_spans(sentence) == found


@pytest.mark.parametrize("span", [(-1, 0), (2, 1), (0, 3), (3, 3)])
def test_a_token_span_that_does_not_fit_is_an_error(span: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="do not fit the sentence of 3 tokens"):
        token_to_char_span(["row", "the", "boat"], span)


@pytest.mark.parametrize("token", ["", "two words"])
def test_a_token_that_could_not_be_found_again_is_an_error(token: str) -> None:
    with pytest.raises(ValueError, match="token 1 is"):
        detokenize(["row", token])


@given(sentences())
def test_other_words_in_place_of_the_mentions_leave_all_else_as_it_was(sentence: Sentence) -> None:
    first, second = sorted((sentence.head, sentence.tail), key=lambda mention: mention.start)
    text = sentence.text
    replaced = replace_mentions(sentence, "HEAD", "TAIL")
    words = ("HEAD", "TAIL") if first is sentence.head else ("TAIL", "HEAD")
    assert replaced == text[: first.start] + words[0] + text[first.end : second.start] + words[1] + text[second.end :]


@given(st.text("ab/ :", max_size=8), st.integers(0, 999), st.integers(0, 999))
def test_an_id_says_which_method_unit_and_request_a_candidate_comes_from(unit: str, number: int, place: int) -> None:
    request = request_id("one_by_one", unit, number)
    candidate = candidate_id(request, place)
    assert candidate == f"one_by_one/{unit}/{number}/{place}"
    assert (method_of(candidate), method_of(request)) == ("one_by_one", "one_by_one")
    assert (request_of(candidate), unit_of(request)) == (request, unit)
