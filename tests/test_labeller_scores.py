"""The scores of an LLM that labelled test examples itself, beside those of extractors on the same examples."""

import pytest

from relseed.evaluation.record import Prediction
from relseed.labelling.record import LLMLabel
from relseed.labelling.scores import LabellerScores, labeller_scores
from relseed.llm.prices import Prices
from relseed.report.labellers import beside_table, labeller_numbers, labellers_table
from tests.evaluations import evaluation
from tests.methods import TEACHER

GOLD = ["brews", "brews", "mends", "mends", "none", "none"]


def scored(*predicted: str | None, systems: tuple[str, ...] = ("brews",) * 6, negative: str | None = "none", **changes):
    """The scores of answers to six items; `systems` are what an extractor says of them, under both random seeds."""
    fields = {"answer": "x", "prompt_tokens": 100, "completion_tokens": 4, "counted": True} | changes
    labelled = [
        LLMLabel(id=f"test-{at}", label=label, predicted=answer, **fields)
        for at, (label, answer) in enumerate(zip(GOLD, predicted, strict=True))
    ]
    predictions = tuple(
        Prediction(id=f"test-{at}", label=label, predicted=(said, said), probability=(0.5, 0.5))
        for at, (label, said) in enumerate(zip(GOLD, systems, strict=True))
    )
    found = {"gold": evaluation(predictions=predictions, negative=negative)}
    return labeller_scores(labelled, found, resamples=200, seed=1)


def test_answers_are_scored_as_those_of_an_extractor_are():
    scores = scored("brews", "mends", "mends", "none", "none", "brews")
    assert (scores.precision, scores.recall, scores.micro_f1.mean) == (0.5, 0.5, 0.5)
    assert scores.micro_f1.low < 0.5 < scores.micro_f1.high
    assert (scores.negatives_found, scores.abstained, scores.unparsed) == (0.5, 2 / 6, 0)


def test_an_answer_that_means_no_label_costs_recall_and_no_precision():
    scores = scored("brews", None, "mends", None, "none", None)
    assert (scores.precision, scores.recall) == (1.0, 0.5)
    assert (scores.unparsed, scores.abstained, scores.negatives_found) == (0.5, 1 / 6, 1.0)


def test_beside_it_stands_the_reading_that_leaves_such_answers_out():
    assert scored("brews", None, "mends", None, "none", None).micro_f1_parsed == 1.0
    assert scored(*[None] * 6).micro_f1_parsed is None


def test_without_a_negative_label_an_answer_that_means_none_is_wrong():
    scores = scored("brews", None, "mends", "mends", "none", "none", negative=None)
    assert scores.micro_f1.mean == pytest.approx(5 / 6)


def test_a_system_is_scored_on_the_items_that_the_llm_labelled_and_the_difference_has_an_interval():
    scores = scored("brews", "brews", "mends", "none", "none", "none")
    beside = scores.beside["gold"]
    assert beside.micro_f1 == pytest.approx(2 * 2 / (4 + 6))
    assert beside.difference == pytest.approx(beside.micro_f1 - scores.micro_f1.mean)
    assert beside.interval.low <= beside.difference <= beside.interval.high < 0


def table_row(scores: LabellerScores, **prices: float) -> dict[str, str]:
    llm = TEACHER.model_copy(update={"prices": Prices(**prices)})
    table = labellers_table({"llm_zero": scores}, {"llm_zero": llm})
    return dict(zip(table.header, table.rows[0], strict=True))


def test_the_table_says_what_a_thousand_items_cost_at_the_prices_of_the_llm():
    scores = scored(*["brews"] * 6)
    assert table_row(scores)["cost per 1,000"] == "–"
    assert table_row(scores, prompt=3, response=15)["cost per 1,000"] == "0.36"


def test_estimated_tokens_are_said_to_be_about_so_many():
    assert table_row(scored(*["brews"] * 6))["tokens per item"] == "100 + 4"
    assert table_row(scored(*["brews"] * 6, counted=False))["tokens per item"] == "about 100 + 4"


def test_the_second_table_has_a_row_for_each_system_and_labeller():
    scores = scored("brews", "brews", "mends", "none", "none", "none")
    [row] = beside_table({"llm_zero": scores}).rows
    assert row[:4] == ["llm_zero", "gold", "40.0", "-45.7"]


def test_the_numbers_of_metrics_leave_out_what_there_is_not():
    numbers = labeller_numbers(scored(*[None] * 6))
    assert "micro_f1_parsed" not in numbers
    assert numbers["beside"]["gold"].keys() == {"micro_f1", "difference", "low", "high"}


def test_without_labellers_there_is_no_table():
    assert labellers_table({}, {}).rows == beside_table({}).rows == []
