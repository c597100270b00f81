"""How what a method writes changes by generation: distances, copies, slopes, the stage's file, its table and figure."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relseed.evaluation.drift import Drift, Real, Written, auc, drifted, mmd
from relseed.evaluation.drifted import read_drift
from relseed.generation.exchanges import Exchange
from relseed.pipeline.errors import UserError
from relseed.records.candidates import Candidate
from relseed.records.files import DataError, write_records
from relseed.report.drifts import drift_figure, drifts_table
from stages import drift as stage
from tests.boats import SEEDS

SETTINGS = Drift(reads="data/candidates/grown.jsonl", other="data/other.jsonl", topics=4, resamples=50, seed=1)
LABELS = ["a", "b"]


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def sample(count: int, *, seed: int = 1, shift: float = 0.0) -> np.ndarray:
    """Unit vectors about one direction, which a shift moves towards another."""
    noise = np.random.default_rng(seed).normal(size=(count, 8))
    return unit(noise + np.eye(8)[0] * 2 + np.eye(8)[1] * shift)


def written(count: int = 40, labels: Any = None, before: np.ndarray | None = None, **changes: Any) -> Written:
    vectors = sample(count, **changes)
    ancestors = sample(1, seed=9) if before is None else before
    responses = [f"grown/from/s/{n // 5}" for n in range(count)]
    return Written(vectors, labels or [LABELS[n % 2] for n in range(count)], [ancestors] * count, responses)


def found(*generations: Written) -> Any:
    real = Real(sample(120, seed=5), SETTINGS.topics, SETTINGS.seed)
    numbered = dict(enumerate(generations, start=1))
    return drifted("grown", numbered, real, sample(60, seed=6, shift=6.0), SETTINGS, len(LABELS))


def test_the_discrepancy_of_one_distribution_is_nothing_on_average_whatever_the_number_of_examples():
    for count in (8, 64):
        values = [mmd(sample(count, seed=2 * n), sample(count, seed=2 * n + 1), 1.0) for n in range(60)]
        assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(len(values))


def test_the_discrepancy_is_that_of_the_definition():
    one, other = np.array([[0.0], [1.0]]), np.array([[0.0], [2.0]])
    kernel = lambda distance: np.exp(-(distance**2) / 2)  # noqa: E731
    expected = kernel(1) + kernel(2) - 2 * (kernel(0) + kernel(2) + kernel(1) + kernel(1)) / 4
    assert mmd(one, other, 1.0) == pytest.approx(expected)


def test_two_samples_of_one_distribution_cannot_be_told_apart_and_two_of_others_can():
    assert auc(sample(200), sample(200, seed=2), 1) == pytest.approx(0.5, abs=0.1)
    assert auc(sample(200), sample(200, seed=2, shift=4.0), 1) > 0.95


def test_too_few_examples_are_not_told_apart():
    assert auc(sample(19), sample(200, seed=2), 1) is None


def test_another_domain_is_further_away_than_one_half_of_the_real_examples_is_from_the_other():
    drift = found(written())
    assert drift.floor.mmd < 0.02 < drift.ceiling.mmd
    assert drift.floor.topics < drift.ceiling.topics


def test_generations_that_move_away_have_a_slope_whose_interval_is_above_nothing():
    drift = found(*(written(seed=20 + n, shift=float(n)) for n in range(4)))
    slope = drift.slopes["mmd"]
    assert 0 < slope.low < slope.value < slope.high
    assert [each.first is None for each in drift.generations] == [True, False, False, False]


def test_generations_that_stay_where_they_are_have_a_slope_whose_interval_holds_nothing():
    slope = found(*(written(80, seed=30 + n) for n in range(4))).slopes["mmd"]
    assert slope.low < 0 < slope.high


def test_the_interval_of_a_slope_is_wider_where_the_examples_of_a_response_are_alike():
    alike = [np.repeat(sample(12, seed=40 + n), 5, axis=0) for n in range(4)]
    responses = [[f"{n // size}" for n in range(60)] for size in (5, 1)]
    together, alone = (
        found(*(Written(each, LABELS * 30, [sample(1, seed=9)] * 60, names) for each in alike)).slopes["distance"]
        for names in responses
    )
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


def test_one_generation_has_no_slope():
    assert found(written()).slopes == {}


def test_label_balance_is_the_share_of_the_most_entropy_that_the_labels_can_have():
    one, even = found(written(labels=["a"] * 40)), found(written())
    assert (one.generations[0].label_balance, even.generations[0].label_balance) == pytest.approx((0.0, 1.0))


def test_the_balance_of_one_label_is_nothing_without_a_sign():
    assert str(found(written(labels=["a"] * 40)).generations[0].label_balance) == "0.0"


def test_an_entry_has_the_name_of_its_method_on_whose_accepted_examples_it_depends():
    assert stage._candidates("grown", SETTINGS) == Path("data/candidates/grown.jsonl")
    with pytest.raises(UserError, match=r"give the entry the name of its method, drifts\.grown"):
        stage._candidates("narrowing", SETTINGS)


def test_what_the_rules_reject_later_on_is_no_ancestor_but_what_it_was_written_after_is(tmp_path):
    """What comes after several seeds is filtered as a whole: what was shown may be like what came after another."""
    after = {"grown/from/s/0": "s", "grown/from/s/1": "grown/from/s/0/0"}
    write_records(tmp_path / "grown.jsonl", [_exchange(id, shown) for id, shown in after.items()])
    accepted = [SEEDS[0].model_copy(update={"id": f"grown/from/s/1/{number}"}) for number in range(2)]
    vectors = {id: np.eye(3)[number] for number, id in enumerate(["s", *(example.id for example in accepted)])}
    [(number, each)] = stage._by_generation(tmp_path / "grown.jsonl", accepted, vectors).items()
    assert number == 2
    assert [before.tolist() for before in each.before] == [[[1.0, 0.0, 0.0]]] * 2


def _exchange(id: str, after: str) -> Exchange:
    made = [Candidate(id=f"{id}/{number}", method="grown", label="owner_of", text="") for number in range(2)]
    return Exchange(id=id, request=None, response=None, after=after, candidates=tuple(made))


def test_a_copy_is_nearly_an_example_that_it_comes_from():
    before = sample(40)[:10]  # the first ten examples come from themselves, as it were
    assert found(written(before=before)).generations[0].copies == pytest.approx(10 / 40)


def test_a_generation_of_one_text_has_no_distance():
    same = Written(np.repeat(sample(1), 5, axis=0), ["a"] * 5, [sample(1, seed=9)] * 5, ["r"] * 5)
    assert found(same).generations[0].distance == pytest.approx(0.0, abs=1e-9)


def test_the_table_has_a_row_for_each_generation_then_the_slopes_and_what_they_are_read_beside():
    header, rows = drifts_table({"grown": found(written(), written(seed=3))})
    assert header[:3] == ["drift", "generation", "examples"]
    assert [row[1] for row in rows] == [
        "1", "2", "by generation (95 % interval)", "real, one half to the other", "another domain",
    ]  # fmt: skip
    assert {len(row) for row in rows} == {len(header)}


def test_the_figure_is_drawn_without_ids_that_could_clash():
    figure = drift_figure(found(written(), written(seed=3)))
    assert figure.startswith("<svg")
    assert ' id="' not in figure


def test_what_was_measured_is_read_back_and_of_another_version_is_an_error(tmp_path: Path):
    path = tmp_path / "grown.json"
    path.write_text((drift := found(written())).model_dump_json())
    assert read_drift(path) == drift
    path.write_text("{}")
    with pytest.raises(DataError, match="dvc repro -f drift@grown"):
        read_drift(path)


def test_a_generation_of_few_examples_is_measured_and_is_no_part_of_a_slope():
    drift = found(written(5, labels=["a"] * 5), written(), written(seed=3))
    assert [each.examples for each in drift.generations] == [5, 40, 40]
    assert drift.slopes["label_balance"].value == pytest.approx(0.0)
