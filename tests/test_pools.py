"""What each method had written, summed up: counts, cost and diversity, as a file, a table and metrics."""

import json
from pathlib import Path
from typing import Any

import pytest

from relseed.generation.answers import Answer
from relseed.generation.judging import Verdicts, summary_of
from relseed.generation.pool import Pool, pool_of, read_pool
from relseed.llm.client import Budget
from relseed.llm.request import Completion, Message, Request
from relseed.records.files import DataError
from relseed.report.metrics import metrics_of
from relseed.report.pools import pools_table
from relseed.tasks.relation.files import read_examples, read_schema
from relseed.tasks.relation.tags import tagged
from relseed.tasks.relation.written import Accepted, Draft, Rejected
from tests.evaluations import DIVERSITY, accepted, evaluation, pool, rejected

PRICED = Budget(tokens=None, cost=None, prompt_price=2.0, completion_price=10.0)
FREE = Budget(tokens=None, cost=None, prompt_price=None, completion_price=None)


def answer(number: int, prompt_tokens: int | None = 1000, completion_tokens: int | None = 200) -> Answer:
    asked = Request(
        model="m", messages=(Message(role="user", content="write"),), temperature=1, top_p=1, max_tokens=9, seed=number
    )
    completion = Completion(
        text="tea",
        finish="stop",
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        seconds=None,
        engine="e",
        model="scribe",
    )
    return Answer(id=f"all_at_once/brews/{number}", request=asked, completion=completion)


def refused(number: int) -> Answer:
    return answer(number).model_copy(update={"completion": None, "refusal": "no"})


def summed(*answers: Answer, kept: int = 2, budget: Budget = PRICED) -> Pool:
    """The pool of answers of which some sentences were accepted and one rejected."""
    return pool_of(answers, [accepted(number=number) for number in range(kept)], [rejected()], {}, {}, budget)


def row(**changes: Any) -> dict[str, str]:
    header, [cells] = pools_table({"all_at_once": pool(**changes)})
    return dict(zip(header, cells, strict=True))


def test_the_cost_per_accepted_sentence_is_that_of_all_answers_over_those_accepted():
    summary = summed(answer(0), answer(1))
    assert summary.cost == pytest.approx(2 * (1000 * 2 + 200 * 10) / 1e6)
    assert summary.cost_per_accepted == pytest.approx(summary.cost / 2)


def test_rejected_sentences_raise_the_cost_of_the_accepted():
    assert summed(answer(0), kept=1).cost_per_accepted == 2 * summed(answer(0), kept=2).cost_per_accepted


@pytest.mark.parametrize(
    ("answers", "budget"),
    [([answer(0)], FREE), ([answer(0), answer(1, None)], PRICED), ([answer(0, completion_tokens=None)], PRICED)],
    ids=["no price", "a prompt not counted", "a completion not counted"],
)
def test_without_prices_or_with_an_uncounted_answer_no_cost_is_known(answers, budget):
    summary = summed(*answers, budget=budget)
    assert (summary.cost, summary.cost_per_accepted) == (None, None)


def test_what_was_spent_is_known_even_if_nothing_was_accepted():
    summary = summed(answer(0), kept=0)
    assert summary.cost > 0
    assert summary.cost_per_accepted is None


def test_a_refused_request_is_counted_and_costs_nothing():
    summary = summed(answer(0), refused(1))
    assert (summary.requests, summary.refused) == (2, 1)
    assert summary.cost == summed(answer(0)).cost


def test_drafts_are_counted_by_relation_where_accepted_and_by_check_where_not():
    kept = [accepted(), accepted(number=1), accepted(relation="mends")]
    turned_down = [rejected(check="length"), rejected(), rejected(check="length")]
    summary = pool_of([answer(0)], kept, turned_down, {}, {}, FREE)
    assert (summary.drafts, summary.accepted) == (6, 3)
    assert summary.per_relation == {"brews": 2, "mends": 1}
    assert summary.rejected == {"length": 2, "mention_missing": 1}


def test_diversity_is_kept_before_and_after_the_checks_as_means_and_the_vendi_score_by_relation():
    less = DIVERSITY.model_copy(update={"vendi": 4.5})
    summary = pool_of([answer(0)], [accepted()], [], {"brews": DIVERSITY, "mends": less}, {"brews": DIVERSITY}, FREE)
    assert (summary.before, summary.after) == (DIVERSITY.model_copy(update={"vendi": 6.0}), DIVERSITY)
    assert (summary.vendi_before, summary.vendi) == ({"brews": 7.5, "mends": 4.5}, {"brews": 7.5})


def test_a_pool_survives_being_written_and_read(tmp_path: Path):
    (tmp_path / "all_at_once.json").write_text(pool().model_dump_json())
    assert read_pool(tmp_path / "all_at_once.json") == pool()


def test_a_pool_of_another_version_is_refused_with_its_cure(tmp_path: Path):
    (tmp_path / "all_at_once.json").write_text(json.dumps(pool().model_dump() | {"drafts": "many"}))
    with pytest.raises(DataError, match=r"drafts: .*dvc repro -f filter@all_at_once"):
        read_pool(tmp_path / "all_at_once.json")


def test_the_table_has_a_row_for_each_method_with_counts_cost_and_diversity():
    header, rows = pools_table({"all_at_once": pool(), "one_by_one": pool("one_by_one", drafts=1234, accepted=1000)})
    assert header == [
        "method", "requests", "drafts", "accepted", "rejected", "cost per accepted",
        "distinct-1", "distinct-2", "self-BLEU", "distance", "masked", "Vendi",
    ]  # fmt: skip
    figures = [f"{one} → {one}" for one in ("0.250", "0.750", "0.125", "0.500", "0.375", "7.5")]
    assert rows == [
        ["all_at_once", "4", "5", "3", "2", "0.00100", *figures],
        ["one_by_one", "4", "1,234", "1,000", "234", "0.00100", *figures],
    ]


def test_the_diversity_in_the_table_is_that_of_the_drafts_and_then_of_the_accepted():
    assert row(before=DIVERSITY.model_copy(update={"vendi": 9.0}))["Vendi"] == "9.0 → 7.5"


def test_an_unknown_cost_is_a_dash_in_the_table():
    assert row(cost=None, cost_per_accepted=None)["cost per accepted"] == "–"


def test_a_method_of_which_nothing_was_kept_has_the_diversity_of_its_drafts_alone_in_the_table():
    cells = row(accepted=0, per_relation={}, after=None, vendi={}, cost_per_accepted=None)
    assert list(cells.values())[5:] == [
        "–",
        *(f"{one} → –" for one in ("0.250", "0.750", "0.125", "0.500", "0.375", "7.5")),
    ]


def test_the_table_without_methods_has_no_rows():
    assert pools_table({}).rows == []


def test_metrics_hold_under_written_what_each_method_wrote():
    metrics = metrics_of({"gold": evaluation()}, {"all_at_once": pool(), "one_by_one": pool("one_by_one")})
    assert list(metrics["written"]) == ["all_at_once", "one_by_one"]
    assert metrics["written"]["all_at_once"] == {
        "requests": 4,
        "refused": 1,
        "drafts": 5,
        "accepted": 3,
        "rejected": {"length": 1, "copy": 1},
        "prompt_tokens": 1200,
        "completion_tokens": 300,
        "cost": 0.003,
        "cost_per_accepted": 0.001,
        "before": DIVERSITY.model_dump(),
        "after": DIVERSITY.model_dump(),
    }


def test_metrics_leave_out_costs_and_figures_that_are_unknown():
    unknown = dict.fromkeys(("cost", "cost_per_accepted", "prompt_tokens", "completion_tokens", "before", "after"))
    written = metrics_of({"gold": evaluation()}, {"all_at_once": pool(**unknown)})["written"]["all_at_once"]
    assert not set(written) & set(unknown)


def test_metrics_without_methods_have_no_written_part():
    assert "written" not in metrics_of({"gold": evaluation()}, {})


def test_the_scores_of_a_system_stay_what_they_are_whatever_was_written():
    with_pools = metrics_of({"gold": evaluation()}, {"all_at_once": pool()})
    assert {key: part for key, part in with_pools.items() if key != "written"} == metrics_of({"gold": evaluation()}, {})


def test_what_was_accepted_has_the_diversity_that_it_would_have_alone():
    schema = read_schema(Path("data/gazette/relations.jsonl"))
    examples = read_examples(Path("data/gazette/validation.jsonl"), schema)
    first, second = ([one for one in examples if one.relation == label][:4] for label in schema.labels[:2])
    drafts = {
        one.id: Draft(id=one.id, method="m", relation=one.relation, text=tagged(one)) for one in [*first, *second]
    }
    kept = [Accepted.model_validate(one.model_dump() | {"method": "m"}) for one in [*first, *second[1:]]]
    judged = Verdicts(kept, [Rejected(draft=drafts[second[0].id], check="length", reason="long")])

    def answers(*ids: str) -> list[Answer]:
        return [answer(number).model_copy(update={"drafts": (drafts[id],)}) for number, id in enumerate(ids)]

    whole = summary_of("m", answers(*drafts), judged, FREE)
    alone = summary_of("m", answers(*(one.id for one in kept)), judged, FREE)
    assert whole.before != whole.after == alone.before == alone.after
    assert tuple(whole.vendi) == schema.labels[:2]
