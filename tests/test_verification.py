"""Verifying written sentences: what a blind sheet holds, reading filled ones, and what they say."""

import asyncio
import csv
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from relseed.cli import app
from relseed.llm.client import Client
from relseed.llm.request import Request
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params
from relseed.records.files import DataError, read_records, write_records
from relseed.tasks.relation import TASK, Example, Relation, Schema
from relseed.tasks.relation.tags import untag
from relseed.verification.agreement import ac1, corrected, kappa, percent_agreement, wilson
from relseed.verification.ask import answered as answered_by
from relseed.verification.ask import ask
from relseed.verification.items import ANSWERS, CONTROLS, Choice, Item, draw_items
from relseed.verification.sample import key_of, read_key, sample
from relseed.verification.score import bootstrap, corrected_accuracy, described
from relseed.verification.sheet import page_of, read_sheet, write_answers
from tests.browser import look
from tests.graph import PARAMS
from tests.hostile import chat, serving
from tests.methods import TEACHER
from tests.scripted import FREE, UNLIMITED, Scripted

SCHEMA = Schema(
    relations=(
        Relation(relation="owns", head_type="PERSON", tail_type="BOAT", definition="the head owns the tail"),
        Relation(relation="rows", head_type="PERSON", tail_type="BOAT", definition="the head rows the tail"),
        Relation(relation="hired", head_type="PERSON", tail_type="PERSON", definition="the head hired the tail"),
        Relation(
            relation="married", head_type="PERSON", tail_type="PERSON", definition="they are married", symmetric=True
        ),
        Relation(relation="none", definition="neither", negative=True),
    )
)
TYPES = {"owns": "BOAT", "rows": "BOAT", "hired": "PERSON", "married": "PERSON", "none": "BOAT"}


def sentence(label: str, number: int, method: str | None = None) -> Example:
    fields = untag(f"On day {number} <e1>Ada {number}</e1> {label} <e2>Bo {number}</e2>.").model_dump(
        exclude_unset=True
    )
    for role, type in (("head", "PERSON"), ("tail", TYPES[label])):
        fields[role] |= {"type": type}
    fields |= {"id": f"{method}/{label}/0/{number}", "relation": label}
    return Example.model_validate(fields | ({"method": method} if method else {}))


WRITTEN = [sentence(label, number, method) for method in ("one", "two") for label in TYPES for number in range(20)]
REAL = [sentence(label, number) for label in TYPES for number in range(100, 120)]


def drawn(size: int = 40, controls: float = 0.2, seed: int = 1, real: Sequence[Example] = REAL) -> list[Item]:
    return draw_items(WRITTEN, real, SCHEMA, size=size, controls=controls, seed=seed)


# What a sheet holds


def test_so_many_written_sentences_of_relations_are_drawn_each_method_and_relation_in_its_share():
    own = [item for item in drawn() if item.kind == "written"]
    assert len(own) == 40
    assert set(Counter((item.method, item.relation) for item in own).values()) == {5}
    assert {item.relation for item in own} == {"owns", "rows", "hired", "married"}


def test_a_fifth_of_all_lines_are_controls_as_many_of_each_kind():
    counts = Counter(item.kind for item in drawn(size=64))
    assert [counts[kind] for kind in CONTROLS] == [4, 4, 4, 4]


def test_all_sentences_are_taken_where_there_are_no_more_and_controls_are_a_share_of_those():
    counts = Counter(item.kind for item in drawn(size=999))
    assert counts["written"] == 160
    assert sum(counts[kind] for kind in CONTROLS) == 40


def test_a_control_is_what_its_kind_says():
    real = {example.id: example for example in REAL}
    for item in drawn(size=160):
        if item.kind == "written":
            continue
        source, shown = real[item.source], item.example
        if item.kind == "gold":
            assert shown == source
        elif item.kind == "reversed":
            assert (shown.head, shown.tail, shown.relation) == (source.tail, source.head, source.relation)
            assert source.relation == "hired"  # the only one whose types allow it and that is not symmetric
        else:
            assert shown.text == source.text
            assert shown.relation != source.relation
            assert SCHEMA.by_label[shown.relation].allows(shown)
            assert (source.relation == "none") is (item.kind == "co_occurrence")


def test_no_real_sentence_is_two_controls():
    sources = [item.source for item in drawn(size=160, controls=0.3) if item.kind != "written"]
    assert len(sources) == len(set(sources))


def test_what_is_gold_is_stated_other_controls_are_not_and_of_written_sentences_nobody_knows():
    found = {item.kind: item.is_stated for item in drawn(size=160)}
    assert found == {
        "written": None,
        "gold": True,
        "reversed": False,
        "wrong_relation": False,
        "co_occurrence": False,
    }


def test_the_order_tells_nothing_and_is_that_of_the_random_seed():
    first = drawn()
    assert first == drawn()
    assert first != drawn(seed=2)
    kinds = [item.kind == "written" for item in first]
    assert kinds != sorted(kinds)
    assert kinds != sorted(kinds, reverse=True)
    assert [item.id for item in first] == [f"i{number:04}" for number in range(1, len(first) + 1)]


def test_nothing_written_and_no_control_are_errors():
    with pytest.raises(UserError, match="nothing to verify"):
        draw_items(REAL, REAL, SCHEMA, size=9, controls=0.2, seed=1)
    with pytest.raises(UserError, match="no real example can be a control"):
        drawn(real=[])


# The sheet, its key, and filled sheets


@pytest.fixture
def sheet(tmp_path, monkeypatch) -> Path:
    """A sheet in a folder of its own, with its key."""
    monkeypatch.chdir(tmp_path)
    write_records(Path("data/dataset/labels.jsonl"), SCHEMA.relations)
    write_records(Path("data/dataset/train.jsonl"), REAL)
    write_records(Path("data/training/both.jsonl"), [*REAL[:3], *WRITTEN])
    sample("both", path := Path("sheet.csv"), Path("data"), size=40, controls=0.2, seed=1)
    return path


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))


def fill(path: Path, answers: dict[str, str]) -> Path:
    lines = [["id", "answer", "note"], *([id, answer, ""] for id, answer in answers.items())]
    path.write_text("".join(f"{','.join(line)}\n" for line in lines), encoding="utf-8")
    return path


def test_a_sheet_does_not_say_what_is_a_control_nor_who_wrote_what(sheet):
    text = sheet.read_text(encoding="utf-8-sig")
    for word in (*CONTROLS, "one/", "two/", "written"):
        assert word not in text
    assert len(rows(sheet)) == 50
    assert set(rows(sheet)[0]) == {"id", "relation", "definition", "text", "answer", "note"}


def test_the_key_has_each_line_of_the_sheet_and_no_example_of_the_training_set_is_a_control(sheet):
    items = read_key(sheet)
    assert [item.id for item in items] == [row["id"] for row in rows(sheet)]
    assert not {example.id for example in REAL[:3]} & {item.source for item in items}


def test_a_sheet_that_is_there_or_has_another_ending_is_not_written(sheet):
    with pytest.raises(UserError, match="already there, perhaps with answers"):
        sample("both", sheet, Path("data"), size=4, controls=0.2, seed=1)
    with pytest.raises(UserError, match=r"a sheet is a \.csv or an \.html file"):
        sample("both", Path("sheet.txt"), Path("data"), size=4, controls=0.2, seed=1)


def test_answers_are_read_in_any_letter_case_and_lines_without_one_are_left_out(sheet):
    items = read_key(sheet)
    filled = fill(Path("filled.csv"), {items[0].id: " Stated ", items[1].id: "", items[2].id: "WRONG"})
    assert read_sheet(filled, items) == {items[0].id: "stated", items[2].id: "wrong"}


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({"i9999": "stated"}, r"filled\.csv:2: the key has no item 'i9999'"),
        ({"i0001": "yes"}, r"filled\.csv:2: no answer 'yes': there are stated, plausible, wrong, unreadable"),
        ({"i0001": ""}, "holds no answer: fill in stated"),
    ],
)
def test_what_is_no_answer_to_the_sheet_is_an_error_with_file_line_and_cure(sheet, answers, says):
    with pytest.raises(UserError, match=says):
        read_sheet(fill(Path("filled.csv"), answers), read_key(sheet))


def test_a_sheet_without_its_columns_is_an_error_that_says_who_makes_one(sheet):
    Path("filled.csv").write_text("id,decision\ni0001,keep\n", encoding="utf-8")
    with pytest.raises(DataError, match="no column answer, note: a sheet of `relseed verify sample` has them"):
        read_sheet(Path("filled.csv"), read_key(sheet))


def test_a_key_that_is_not_there_is_an_error_that_says_what_to_name(sheet):
    key_of(sheet).unlink()
    with pytest.raises(UserError, match=r"sheet\.key\.jsonl is not there"):
        read_key(sheet)


def test_the_page_counts_answers_and_saves_them_as_a_sheet(tmp_path):
    items = drawn(size=4, controls=0.5)
    (tmp_path / "page.html").write_text(page_of(items, SCHEMA), encoding="utf-8")
    body = """
        const items = [...document.querySelectorAll("li")];
        const before = document.querySelector("output").textContent;
        items[0].querySelector("[value=stated]").click();
        items[1].querySelector("[type=text]").value = '=1, "so"';
        return { before, after: document.querySelector("output").textContent, csv: csv(), marks: marks(items[0]) };
    """
    found = look(tmp_path / "page.html", body, tmp_path)
    assert (found["before"], found["after"]) == ("0 of 8 answered", "1 of 8 answered")
    (tmp_path / "filled.csv").write_text(found["csv"], encoding="utf-8")
    assert read_sheet(tmp_path / "filled.csv", items) == {items[0].id: "stated"}
    assert found["csv"].splitlines()[2] == f'"{items[1].id}","","\'=1, ""so"""'
    assert {role for role, _, _ in found["marks"]} == {"head", "tail"}


# An LLM that fills in a sheet


def asked(items: Sequence[Item], script: Callable[[Request], str]) -> tuple[dict[str, Choice], list[Request]]:
    engine = Scripted(script)
    client = Client(engine, None, UNLIMITED, FREE)
    return asyncio.run(answered_by(items, SCHEMA, TEACHER, client)), engine.requests


def test_an_llm_is_asked_about_each_line_with_its_relation_and_nothing_of_where_it_comes_from():
    items = drawn(size=4)
    answers, requests = asked(items, lambda _: '{"answer": "Stated"}')
    assert answers == {item.id: "stated" for item in items}
    for item, request in zip(items, requests, strict=True):
        [message] = request.messages
        assert SCHEMA.by_label[item.relation].definition in message.content
        assert TASK.show(item.example) in message.content
        assert item.kind == "gold" or item.kind not in message.content
    assert requests[0].response_schema["properties"]["answer"]["enum"] == list(ANSWERS)


@pytest.mark.parametrize("text", ["stated", '{"answer": "yes"}', '{"answer": 1}', '{"said": "stated"}', "{", ""])
def test_what_is_none_of_the_answers_leaves_the_line_open(text):
    assert asked(drawn(size=2), lambda _: text)[0] == {}


def test_the_command_writes_a_filled_sheet_and_says_what_the_model_wrote_itself(sheet):
    with serving(lambda handler: handler.send(200, chat('{"answer": "wrong"}'))) as server:
        llms = {"teacher": PARAMS["llms"]["teacher"] | {"engine": "openai"}, "none": None}
        engines = PARAMS["engines"] | {"openai": {"url": server.url}}
        methods = {"one": {"llm": "teacher"}, "two": {"llm": "none"}}
        params = PARAMS | {"llms": llms, "engines": engines, "methods": methods}
        Path("params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
        command = ["verify", "answer", str(sheet), "--llm", "teacher", "--output", "filled.csv"]
        result = CliRunner().invoke(app, command)
    assert "filled.csv: 50 of 50 answered\n" in result.output
    assert "note: teacher is of the model that wrote one: " in result.output
    assert set(read_sheet(Path("filled.csv"), read_key(sheet)).values()) == {"wrong"}
    with pytest.raises(UserError, match="not there yet"):
        write_answers(Path("filled.csv"), [], {})


@pytest.mark.parametrize(("name", "says"), [("none", "is null: name an LLM"), ("untuned", "whose form is chat")])
def test_an_llm_that_cannot_be_asked_is_an_error(name, says):
    with pytest.raises(UserError, match=says):
        ask(Params(PARAMS), name, [], SCHEMA, Path("recorded.jsonl"))


# What filled sheets say


def answered(items: Sequence[Item], **wrong: Sequence[int]) -> dict[str, Choice]:
    """Answers that are right but for the n-th items of some kinds; written sentences are stated."""
    seen: Counter[str] = Counter()
    answers: dict[str, Choice] = {}
    for item in items:
        right = item.is_stated is not False
        answers[item.id] = "stated" if right is not (seen[item.kind] in wrong.get(item.kind, ())) else "wrong"
        seen[item.kind] += 1
    return answers


def test_somebody_who_errs_on_no_control_is_taken_at_their_word():
    items = drawn()
    assert corrected_accuracy(items, answered(items, written=range(4))) == pytest.approx(0.9)


def test_errors_on_controls_correct_what_was_found():
    items = drawn(size=64)  # 4 controls of each kind
    answers = answered(items, written=range(16), gold=[0], reversed=[0, 1, 2])
    sensitivity, specificity = 3 / 4, 9 / 12
    assert corrected_accuracy(items, answers) == pytest.approx(
        (0.75 + specificity - 1) / (sensitivity + specificity - 1)
    )


def test_who_tells_right_from_wrong_no_better_than_by_guessing_says_nothing():
    items = drawn(size=64)
    assert corrected_accuracy(items, answered(items, gold=range(2), reversed=range(4), co_occurrence=range(2))) is None
    assert corrected_accuracy([item for item in items if item.kind != "gold"], answered(items)) is None


def test_the_interval_holds_the_value_and_is_a_point_where_all_is_right():
    items = drawn(size=160, controls=0.3)
    answers = answered(items, written=range(20), gold=[0])
    low, high = bootstrap(items, answers)
    assert low < corrected_accuracy(items, answers) <= high
    assert bootstrap(items, answered(items)) == (1.0, 1.0)


def test_there_is_no_interval_where_so_few_controls_may_all_be_answered_wrong():
    items = drawn(size=20)
    assert bootstrap(items, answered(items, gold=[0])) is None


def test_scores_are_said_of_each_sheet_each_method_and_each_relation_and_agreement_of_each_two(sheet):
    items = read_key(sheet)
    sheets = {Path("a.csv"): answered(items), Path("b.csv"): answered(items, written=[0])}
    lines = described(items, sheets).splitlines()
    assert "a.csv: 50 of 50 answered" in lines
    assert any(line.startswith("  stated: 39 of 40, 97.5 % (Wilson ") for line in lines)
    assert sum(line.startswith("  method one: ") for line in lines) == 2
    assert sum(line.startswith("  relation owns: ") for line in lines) == 2
    assert "  corrected by the controls: 100.0 % (bootstrap 100.0 to 100.0)" in lines
    assert lines[-1].startswith("a.csv and b.csv: 98.0 % of 50 answers are the same, Cohen's kappa 0.9")


def test_sheets_without_an_item_in_common_are_said_to_have_none(sheet):
    items = read_key(sheet)
    every = answered(items)
    one, other = ({item.id: every[item.id] for item in part} for part in (items[:20], items[20:]))
    assert described(items, {Path("a"): one, Path("b"): other}).endswith("a and b: no item has two answers")


def test_the_commands_draw_a_sheet_and_score_a_filled_one(sheet):
    runner = CliRunner()
    made = runner.invoke(app, ["verify", "sample", "both", "--output", "new.csv", "--size", "8"])
    assert made.output == "new.csv: 8 written sentences and 2 controls; then `relseed verify score new.csv ...`\n"
    items = [item for _, item in read_records(Path("new.key.jsonl"), Item)]
    fill(Path("filled.csv"), {item.id: "stated" for item in items})
    scored = runner.invoke(app, ["verify", "score", "new.csv", "filled.csv"])
    assert "filled.csv: 10 of 10 answered\n  stated: 8 of 8, 100.0 %" in scored.output
    assert json.loads(Path("new.key.jsonl").read_text(encoding="utf-8").splitlines()[0])["id"] == "i0001"


# Figures


def test_wilson_s_interval_is_that_of_his_formula():
    assert wilson(90, 100) == pytest.approx((0.8256, 0.9448), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_correction_is_that_of_rogan_and_gladen():
    assert corrected(0.9, 0.95, 0.8) == pytest.approx(0.7 / 0.75)
    assert corrected(0.99, 0.9, 1.0) == 1.0
    assert corrected(0.01, 1.0, 0.9) == 0.0
    assert corrected(0.5, 0.5, 0.5) is None


def both(table: Sequence[tuple[str, str, int]]) -> tuple[list[str], list[str]]:
    pairs = [(one, other) for one, other, count in table for _ in range(count)]
    return [one for one, _ in pairs], [other for _, other in pairs]


def test_where_nearly_all_answers_are_the_same_kappa_collapses_and_ac1_does_not():
    first, second = both([("yes", "yes", 118), ("yes", "no", 5), ("no", "yes", 2)])  # Gwet 2008
    assert percent_agreement(first, second) == pytest.approx(0.944)
    assert kappa(first, second) == pytest.approx(-0.0234, abs=1e-4)
    assert ac1(first, second, ["yes", "no"]) == pytest.approx(0.9408, abs=1e-4)


def test_kappa_is_not_defined_where_both_gave_one_answer_alone():
    assert kappa(["stated"] * 3, ["stated"] * 3) is None
    assert ac1(["stated"] * 3, ["stated"] * 3, ANSWERS) == 1.0


@given(st.lists(st.tuples(st.sampled_from(ANSWERS), st.sampled_from(ANSWERS)), min_size=1))
def test_agreement_has_no_side_and_is_one_where_all_answers_are_the_same(pairs):
    first, second = [one for one, _ in pairs], [other for _, other in pairs]
    assert ac1(first, second, ANSWERS) == pytest.approx(ac1(second, first, ANSWERS))
    assert ac1(first, first, ANSWERS) == pytest.approx(1.0)
    assert ac1(first, second, ANSWERS) <= 1.0 + 1e-9
