"""The data card of a training set: what is in it, which LLMs wrote it and how, what it passed, whose licence it has."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from relseed.quality.rules import RuleSettings
from relseed.tasks.relation import TASK, Schema
from tests.graph import PARAMS
from tests.training_sets import RELATIONS, card, example, prepare, renamed, run

LLM = PARAMS["llms"]["teacher"] | {
    "engine": "openai",
    "model": "boatwright",
    "temperature": 0.5,
    "top_p": 0.75,
    "seed": 11,
    "licence": "CC0 1.0",
}
TUNED = PARAMS["llms"]["tuned"] | {"temperature": 0.25, "top_p": 1.0, "seed": 12, "licence": "MIT"}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    monkeypatch.chdir(tmp_path)


def card_with(*accepted: Any, llm: dict | None = None, **changes: Any) -> str:
    """The card of a set of these examples, the LLM `teacher` changed."""
    llms = PARAMS["llms"] | {"teacher": LLM | (llm or {}), "tuned": TUNED}
    prepare(*(accepted or [example("owns", 0)]), params={"llms": llms}, **changes)
    run()
    return card()


def table(text: str, first: str) -> list[list[str]]:
    """The rows of the table whose first column has this title, as cells."""
    lines = text.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith(f"| {first} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


# What is in it


def test_the_card_counts_real_and_written_examples():
    text = card_with(*(example("owns", number) for number in range(3)), seeds=True, per_label=2)
    assert text.startswith("# Training set `crew`\n\n2 real examples, and 2 that language models wrote")


def test_the_card_counts_the_examples_of_each_label_in_the_order_of_the_data():
    written = [example("rows", 0), *(example("owns", number) for number in range(1, 4))]
    assert table(card_with(*written, seeds=True, per_label=2), "label") == [
        ["`owns`", "1", "2"],
        ["`none`", "1", "0"],
        ["`rows`", "0", "1"],
    ]


def test_the_md5_on_the_card_is_that_of_the_file():
    text = card_with()
    md5 = hashlib.md5(Path("training/crew.jsonl").read_bytes()).hexdigest()
    assert f"- MD5 of `crew.jsonl`: `{md5}`\n" in text


@pytest.mark.parametrize("seeds", [True, False])
def test_the_card_says_where_the_seeds_come_from_where_there_are_any(seeds):
    line = "- Seeds: of Harbour, licence CC BY 4.0, source a log book\n"
    assert (line in card_with(seeds=seeds)) is seeds


def test_the_card_counts_texts_that_are_alike_but_for_names_and_warns_of_none_where_they_are_few():
    text = card_with(renamed("owns", "Ada"), renamed("owns", "Britt"), example("owns", 0), example("owns", 1))
    assert (
        "- Masked copies: 2 of 4 texts that LLMs wrote are like another one once names and numbers are masked " in text
    )
    assert " (similarity 0.5 or more); different: 3\n" in text
    assert "Mostly templates" not in text


def test_the_card_warns_of_a_set_and_of_labels_that_are_mostly_templates():
    text = card_with(renamed("owns", "Ada"), renamed("owns", "Britt"), example("owns", 0), example("rows", 1))
    assert (
        "**Mostly templates** (texts of a label that are like another one: `owns` 2 of 3, different: 2): "
        "an extractor learns less from these texts than their number says.\n"
    ) in text


def test_the_card_says_nothing_of_copies_where_no_llm_wrote():
    assert "Masked copies" not in card_with(seeds=True, methods=[])


# By which methods


def test_the_card_says_of_each_method_its_loop_its_llm_and_how_much_was_taken():
    accepted = [example("owns", 0), example("owns", 1), example("rows", 2), example("owns", 3, "tuned")]
    assert table(card_with(*accepted, per_label=2), "method") == [
        ["`all_at_once`", "all_at_once", "`teacher`", "3", "–", "2"],
        ["`tuned`", "all_at_once", "`tuned`", "1", "–", "1"],
    ]


def test_the_card_states_the_least_score_of_each_method():
    accepted = [example("owns", 0), example("owns", 1, "tuned")]
    least = {"tuned": {"accuracy": 0.7, "fluency": 0.25}}
    scores = {"accuracy": [0.1, 0.9], "fluency": [0.1, 0.9]}
    rows = table(card_with(*accepted, scores=scores, at_least=least), "method")
    assert [row[4] for row in rows] == ["–", "accuracy 0.7, fluency 0.25"]


def test_an_example_that_several_criteria_scored_counts_once():
    rows = table(card_with(example("owns", 0), scores={"accuracy": [0.1], "fluency": [0.1]}), "method")
    assert rows == [["`all_at_once`", "all_at_once", "`teacher`", "1", "–", "1"]]


def test_what_rules_made_of_the_seeds_is_counted_apart_and_has_no_llm():
    text = card_with(example("owns", 0), example("none", 1, "swapped"), example("none", 2, "swapped"))
    assert (
        "0 real examples, and 1 that language models wrote and relseed checked, and 2 that rules made of the " in text
    )
    assert table(text, "method") == [
        ["`all_at_once`", "all_at_once", "`teacher`", "1", "–", "1"],
        ["`swapped`", "rule_made", "–", "2", "–", "2"],
    ]
    assert [row[0] for row in table(text, "LLM")] == ["`teacher`"]
    assert "\n| label | seeds | written or made |\n" in text


def test_a_set_of_which_rules_made_all_names_no_llm():
    text = card_with(example("none", 1, "swapped"), seeds=True)
    assert (
        "2 real examples, and 0 that language models wrote and relseed checked, and 1 that rules made of the " in text
    )
    assert "| LLM | model |" not in text


# By which LLMs


def test_the_card_names_every_llm_that_wrote_with_its_own_sampling_and_licence():
    rows = table(card_with(example("owns", 0, "one_by_one"), example("owns", 1, "tuned")), "LLM")
    assert rows == [
        ["`teacher`", "`boatwright`", "openai", "0.5", "0.75", "11", "CC0 1.0"],
        ["`tuned`", "`models/lm/base`, adapters `models/lm/tuned`", "transformers", "0.25", "1.0", "12", "MIT"],
    ]


def test_an_llm_that_wrote_by_several_methods_is_named_once_and_one_that_wrote_nothing_is_not():
    rows = table(card_with(example("owns", 0), example("owns", 1, "one_by_one")), "LLM")
    assert [row[0] for row in rows] == ["`teacher`"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"revision": "abc1"}, "`boatwright` at revision `abc1`"),
        ({"adapter": "oars"}, "`boatwright`, adapter `oars`"),
        ({"revision": "abc1", "adapters": "models/oars"}, "`boatwright` at revision `abc1`, adapters `models/oars`"),
    ],
)
def test_the_card_states_the_weights_of_an_llm(changes, says):
    [row] = table(card_with(llm=changes), "LLM")
    assert row[1] == says


@pytest.mark.parametrize("engine", ["batch", "openai"])
def test_the_card_says_of_recorded_responses_that_the_sampling_need_not_have_been_in_force(engine):
    text = card_with(llm={"engine": engine})
    assert ("Responses of the engine `batch` were recorded beforehand" in text) == (engine == "batch")


# What it passed


def test_the_card_states_the_rules_in_their_order_and_where_they_draw_the_line():
    rules = RuleSettings(**PARAMS["rules"])
    names = TASK.rules(Schema(relations=tuple(RELATIONS)), [], rules).names
    lines = ", ".join(f"{name} {value}" for name, value in PARAMS["rules"].items())
    assert f"- Rules, in order: {', '.join(names)}; {lines}\n" in card_with()


def test_the_card_says_how_to_see_the_prompt_of_an_example():
    assert "- Each written example's own prompt: `relseed trace ID`\n" in card_with()
