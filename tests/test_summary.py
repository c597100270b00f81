"""What each method wrote, summed up: counts, cost and diversity, as a file, a table and metrics."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from relseed.generation import summarize as summarize_module
from relseed.generation.exchanges import Exchange
from relseed.generation.sentences import Sentences
from relseed.generation.summarize import Counting, diversities_of
from relseed.generation.summary import MethodSummary, read_summary
from relseed.llm.prices import Prices
from relseed.llm.request import Message, Request, Response
from relseed.quality.diversity import EmbeddedTexts
from relseed.records.files import DataError
from relseed.report.methods import methods_table
from relseed.report.metrics import metrics_of
from relseed.tasks.relation import TASK, Example
from relseed.tasks.task import read_examples, read_schema
from tests.evaluations import DIVERSITY, accepted, evaluation, rejected, summary
from tests.graph import ROOT

PRICES = Prices(prompt=2.0, response=10.0)
FIGURES = ("0.250", "0.750", "0.125", "0.500", "0.375", "0.875", "7.5", "6.5")  # of tests.evaluations.DIVERSITY
LABELS = ("brews", "mends", "none")
GAZETTE = ROOT / "data/gazette"


def exchange(number: int, prompt_tokens: int | None = 1000, completion_tokens: int | None = 200) -> Exchange:
    request = Request(
        model="m", messages=(Message(role="user", content="write"),), temperature=1, top_p=1, max_tokens=9, seed=number
    )
    response = Response(
        text="tea",
        finish="stop",
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        seconds=None,
        engine="e",
        model="scribe",
    )
    return Exchange(id=f"all_at_once/brews/{number}", request=request, response=response)


def declined(number: int) -> Exchange:
    return exchange(number).model_copy(update={"response": None, "refusal": "no"})


def summed(*exchanges: Exchange, accepted_examples: int = 2, prices: Prices = PRICES) -> MethodSummary:
    """The summary of exchanges of which some candidates were accepted and one rejected."""
    outcomes = [*(accepted(number=number) for number in range(accepted_examples)), rejected()]
    return counted(*exchanges, outcomes=outcomes).summary(({}, {}), prices, LABELS)


def counted(*exchanges: Exchange, outcomes: Sequence[Any]) -> Counting:
    """The count of exchanges, the last of which has these outcomes."""
    counting = Counting("all_at_once")
    for each in exchanges[:-1]:
        counting.add(each, [])
    counting.add(exchanges[-1], outcomes)
    return counting


def row(**changes: Any) -> dict[str, str]:
    header, [cells] = methods_table({"all_at_once": summary(**changes)})
    return dict(zip(header, cells, strict=True))


def test_the_cost_per_accepted_example_is_that_of_all_responses_over_those_accepted():
    found = summed(exchange(0), exchange(1))
    assert found.cost == pytest.approx(2 * (1000 * 2 + 200 * 10) / 1e6)
    assert found.cost_per_accepted == pytest.approx(found.cost / 2)


def test_rejected_candidates_raise_the_cost_of_the_accepted():
    one, two = (summed(exchange(0), accepted_examples=count).cost_per_accepted for count in (1, 2))
    assert one == 2 * two


@pytest.mark.parametrize(
    ("exchanges", "prices"),
    [
        ([exchange(0)], Prices()),
        ([exchange(0)], Prices(prompt=2.0)),
        ([exchange(0), exchange(1, None)], PRICES),
        ([exchange(0, completion_tokens=None)], PRICES),
    ],
    ids=["no prices", "one price", "a prompt not counted", "a response not counted"],
)
def test_without_prices_or_with_an_uncounted_response_no_cost_is_known(exchanges, prices):
    found = summed(*exchanges, prices=prices)
    assert (found.cost, found.cost_per_accepted) == (None, None)


def test_what_was_spent_is_known_even_if_nothing_was_accepted():
    found = summed(exchange(0), accepted_examples=0)
    assert found.cost > 0
    assert found.cost_per_accepted is None


def test_a_request_that_the_provider_declined_is_counted_and_costs_nothing():
    found = summed(exchange(0), declined(1))
    assert (found.requests, found.refused) == (2, 1)
    assert found.cost == summed(exchange(0)).cost


def test_candidates_are_counted_by_label_where_accepted_and_by_rule_where_not():
    examples = [accepted(), accepted(number=1), accepted(relation="mends")]
    turned_down = [rejected(rule="length"), rejected(), rejected(rule="length")]
    found = counted(exchange(0), outcomes=[*turned_down, *examples]).summary(({}, {}), Prices(), LABELS)
    assert (found.candidates, found.accepted) == (6, 3)
    assert found.per_unit == {"brews": 2, "mends": 1}
    assert found.per_label == {"brews": 2, "mends": 1, "none": 0}
    assert found.rejected == {"length": 2, "mention_missing": 1}


@pytest.mark.parametrize(
    ("counts", "balance"), [({"a": 3, "b": 3}, 1.0), ({"a": 3, "b": 0}, 0.0), ({"a": 1, "b": 1, "c": 0, "d": 0}, 0.5)]
)
def test_label_balance_is_the_entropy_of_the_labels_that_were_accepted(counts, balance):
    assert summary(per_label=counts).label_balance == pytest.approx(balance)
    assert not str(summary(per_label=counts).label_balance).startswith("-")


def test_a_label_that_was_asked_for_in_vain_is_counted_as_such():
    assert summed(exchange(0), accepted_examples=0).per_unit == {"brews": 0}


def test_diversity_is_kept_before_and_after_the_rules_as_means_and_the_vendi_score_by_label():
    less = DIVERSITY.model_copy(update={"vendi": 4.5})
    diversities = {"brews": DIVERSITY, "mends": less}, {"brews": DIVERSITY}
    found = counted(exchange(0), outcomes=[accepted()]).summary(diversities, Prices(), LABELS)
    assert (found.before, found.after) == (DIVERSITY.model_copy(update={"vendi": 6.0}), DIVERSITY)
    assert (found.vendi_before, found.vendi) == ({"brews": 7.5, "mends": 4.5}, {"brews": 7.5})


def test_what_was_accepted_has_the_diversity_that_it_would_have_alone():
    schema = read_schema(GAZETTE / "relations.jsonl", TASK)
    examples = read_examples(GAZETTE / "validation.jsonl", TASK, schema)
    first, second = (
        [
            example.model_copy(update={"id": f"all_at_once/{label}/{number}/0"})
            for number, example in enumerate(example for example in examples if example.label == label)
        ][:4]
        for label in schema.labels[:2]
    )
    whole = diversities_by_unit([*first, *second], accepted=[*first, *second[1:]])
    alone = diversities_by_unit([*first, *second[1:]], accepted=[*first, *second[1:]])
    assert whole[0] != whole[1] == alone[0] == alone[1]
    assert tuple(whole[1]) == schema.labels[:2]


def in_response(example: Example, number: int, label: str) -> Example:
    return example.model_copy(update={"id": f"passages/{label}/0/{number}"})


def test_diversity_is_measured_unit_by_unit_whatever_the_labels():
    schema = read_schema(GAZETTE / "relations.jsonl", TASK)
    examples = read_examples(GAZETTE / "validation.jsonl", TASK, schema)[:4]
    units = [
        in_response(example, number, "leads" if number % 2 else "born_in") for number, example in enumerate(examples)
    ]
    before, after = diversities_by_unit(units, units)
    assert list(before) == list(after) == ["born_in", "leads"]


def test_a_sentence_counts_once_in_a_response_however_many_of_its_pairs_it_holds():
    schema = read_schema(GAZETTE / "relations.jsonl", TASK)
    first, second, *_ = read_examples(GAZETTE / "validation.jsonl", TASK, schema)
    one, other = in_response(first, 0, "leads"), in_response(second, 1, "leads")
    beside = in_response(first, 2, "leads").model_copy(update={"head": first.tail, "tail": first.head})
    alone, together = (diversities_by_unit(found, found) for found in ([one, other], [one, other, beside]))
    assert alone == together


def diversities_by_unit(candidates: list[Example], accepted: list[Example]) -> Any:
    """Those of candidates of one response, and of the accepted among them."""
    sentences = Sentences(TASK)
    sentences.add((example, example in accepted) for example in candidates)
    return diversities_of(sentences, "embed")


def test_a_sentence_is_accepted_with_any_of_its_pairs():
    schema = read_schema(GAZETTE / "relations.jsonl", TASK)
    first, *others = read_examples(GAZETTE / "validation.jsonl", TASK, schema)[:4]
    one, *rest = [in_response(example, number, "leads") for number, example in enumerate([first, *others])]
    beside = in_response(first, 9, "leads").model_copy(update={"head": first.tail, "tail": first.head})
    _, after = diversities_by_unit([one, *rest, beside], [*rest[:2], beside])
    alone, _ = diversities_by_unit([*rest[:2], one], [])
    assert after == alone


def test_a_unit_of_more_sentences_than_are_measured_is_measured_by_a_sample_that_is_the_same_each_time(monkeypatch):
    schema = read_schema(GAZETTE / "relations.jsonl", TASK)
    examples = read_examples(GAZETTE / "validation.jsonl", TASK, schema)[:12]
    large = [in_response(example, number, "leads") for number, example in enumerate(examples[:9])]
    small = [in_response(example, number, "born_in") for number, example in enumerate(examples[9:])]
    whole, _ = diversities_by_unit([*large, *small], large)
    texts: list[str] = []

    def counting(found: list[str], masked: list[str], desc: str) -> EmbeddedTexts:
        texts.extend(found)
        return EmbeddedTexts(found, masked, desc)

    monkeypatch.setattr(summarize_module, "MEASURED", 4)
    monkeypatch.setattr(summarize_module, "EmbeddedTexts", counting)
    before, after = diversities_by_unit([*large, *small], large[:8])
    assert before["born_in"].model_dump() == pytest.approx(whole["born_in"].model_dump(), abs=1e-5)
    assert before["leads"].vendi <= 4 < whole["leads"].vendi
    assert after["leads"].vendi <= 4
    assert len(texts) <= 4 + 4 + 3
    assert diversities_by_unit([*large, *small], large[:8]) == (before, after)


def test_a_summary_survives_being_written_and_read(tmp_path: Path):
    (tmp_path / "all_at_once.json").write_text(summary().model_dump_json())
    assert read_summary(tmp_path / "all_at_once.json") == summary()


def test_a_summary_of_another_version_is_an_error_with_its_cure(tmp_path: Path):
    (tmp_path / "all_at_once.json").write_text(json.dumps(summary().model_dump() | {"candidates": "many"}))
    with pytest.raises(DataError, match=r"candidates: .*dvc repro -f filter@all_at_once"):
        read_summary(tmp_path / "all_at_once.json")


def test_the_table_has_a_row_for_each_method_with_counts_cost_and_diversity():
    header, rows = methods_table(
        {"all_at_once": summary(), "one_by_one": summary("one_by_one", candidates=1234, accepted=1000)}
    )
    assert header == [
        "method", "requests", "candidates", "accepted", "rejected", "cost per accepted", "label balance",
        "distinct-1", "distinct-2", "self-BLEU", "distance", "masked distance", "masked distinct", "Vendi",
        "masked Vendi",
    ]  # fmt: skip
    figures = [f"{figure} → {figure}" for figure in FIGURES]
    assert rows == [
        ["all_at_once", "4", "5", "3", "2", "0.00100", "0.92", *figures],
        ["one_by_one", "4", "1,234", "1,000", "234", "0.00100", "0.92", *figures],
    ]


def test_the_diversity_in_the_table_is_that_of_the_candidates_and_then_of_the_accepted():
    assert row(before=DIVERSITY.model_copy(update={"vendi": 9.0}))["Vendi"] == "9.0 → 7.5"


def test_an_unknown_cost_is_a_dash_in_the_table():
    assert row(cost=None, cost_per_accepted=None)["cost per accepted"] == "–"


def test_a_method_of_which_nothing_was_accepted_has_the_diversity_of_its_candidates_alone_in_the_table():
    cells = row(
        accepted=0, per_unit={}, per_label={"brews": 0, "mends": 0}, after=None, vendi={}, cost_per_accepted=None
    )
    assert list(cells.values())[5:] == [
        "–",
        "–",
        *(f"{figure} → –" for figure in FIGURES),
    ]


def test_the_table_without_methods_has_no_rows():
    assert methods_table({}).rows == []


def test_metrics_hold_under_methods_what_each_method_wrote():
    metrics = metrics_of({"gold": evaluation()}, {"all_at_once": summary(), "one_by_one": summary("one_by_one")}, {})
    assert list(metrics["methods"]) == ["all_at_once", "one_by_one"]
    assert metrics["methods"]["all_at_once"] == {
        "requests": 4,
        "refused": 1,
        "candidates": 5,
        "accepted": 3,
        "rejected": {"length": 1, "copy": 1},
        "prompt_tokens": 1200,
        "completion_tokens": 300,
        "cost": 0.003,
        "cost_per_accepted": 0.001,
        "before": DIVERSITY.model_dump(),
        "after": DIVERSITY.model_dump(),
        "label_balance": summary().label_balance,
    }


def test_metrics_leave_out_costs_and_figures_that_are_unknown():
    unknown = dict.fromkeys(("cost", "cost_per_accepted", "prompt_tokens", "completion_tokens", "before", "after"))
    written = metrics_of({"gold": evaluation()}, {"all_at_once": summary(**unknown)}, {})["methods"]["all_at_once"]
    assert not set(written) & set(unknown)


def test_metrics_without_methods_have_no_such_part():
    assert "methods" not in metrics_of({"gold": evaluation()}, {}, {})


def test_the_scores_of_a_system_stay_what_they_are_whatever_was_written():
    with_methods = metrics_of({"gold": evaluation()}, {"all_at_once": summary()}, {})
    assert {key: part for key, part in with_methods.items() if key != "methods"} == metrics_of(
        {"gold": evaluation()}, {}, {}
    )
