"""The report: one table, one page, one metrics.json, from the systems that params.yaml names."""

import csv
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from mlflow import MlflowClient

from relseed.evaluation.record import Evaluation, Spread
from relseed.generation.pool import Pool
from relseed.pipeline.errors import UserError
from relseed.records.files import write_records
from stages.report import main
from tests.evaluations import CARD, accepted, draw, evaluation, pool, rejected, scores

REPOSITORY = Path(__file__).parent.parent
INPUTS = ("data/dataset/card.json", "results/evaluation", "data/accepted", "data/rejected", "results/pools")
OUTPUTS = ("results/table.md", "results/report.html", "results/sentences.html", "results/plots", "metrics.json")
ARGUMENTS = (*INPUTS, *OUTPUTS)


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the stage reads except evaluations and pools, as working folder."""
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    monkeypatch.chdir(tmp_path)
    for folder in ("data/dataset", *INPUTS[1:]):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "data/dataset/card.json").write_text(json.dumps(CARD))
    return tmp_path


def put(*evaluations: Evaluation, pools: Sequence[Pool] = ()) -> None:
    """Write evaluations, pools with a sentence kept and one refused each, and a params.yaml that names them all."""
    for one in evaluations:
        Path(f"results/evaluation/{one.system}.json").write_text(one.model_dump_json())
    for one in pools:
        Path(f"results/pools/{one.method}.json").write_text(one.model_dump_json())
        write_records(Path(f"data/accepted/{one.method}.jsonl"), [accepted(method=one.method)])
        write_records(Path(f"data/rejected/{one.method}.jsonl"), [rejected(method=one.method)])
    params = {"systems": [one.system for one in evaluations], "methods": [one.method for one in pools], "writers": []}
    Path("params.yaml").write_text(json.dumps(params))


def report(*evaluations: Evaluation, pools: Sequence[Pool] = ()) -> None:
    put(*evaluations, pools=pools)
    main(*map(Path, ARGUMENTS))


def table() -> list[list[str]]:
    lines = Path("results/table.md").read_text().splitlines()
    assert lines[1] == ""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_table_has_a_row_for_each_system_and_baseline_in_percent() -> None:
    report(evaluation("gold"), evaluation("silver", real=0, written=1024))
    assert table() == [
        ["system", "real", "written", "micro-F1", "95 % interval", "precision", "recall", "macro-F1"],
        table()[1],
        ["gold", "22", "0", "65.1 ± 1.2", "61.0 – 69.0", "64.0 ± 2.0", "66.0 ± 3.0", "62.0 ± 4.0"],
        ["silver", "0", "1,024", "65.1 ± 1.2", "61.0 – 69.0", "64.0 ± 2.0", "66.0 ± 3.0", "62.0 ± 4.0"],
        ["majority (baseline)", "–", "–", "12.5", "–", "–", "–", "–"],
        ["random (baseline)", "–", "–", "10.0 ± 1.0", "–", "–", "–", "–"],
    ]
    assert all(re.fullmatch("-+:?", cell) for cell in table()[1])


def test_the_official_macro_f1_has_a_column_only_where_there_is_one() -> None:
    report(evaluation("gold", scores=scores(semeval_macro_f1=Spread(mean=0.5, std=0.01))), evaluation("silver"))
    assert [row[-1] for row in table()] == ["official macro-F1", table()[1][-1], "50.0 ± 1.0", "–", "–", "–"]


def test_the_line_above_the_table_says_what_was_measured() -> None:
    report(evaluation())
    assert Path("results/table.md").read_text().splitlines()[0] == (
        "Teahouse, K = 8, draw 3 (0123456789ab), 7 test examples; encoder tiny-encoder, 50 updates, training seeds 1, 2"
    )


def test_the_table_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    report(evaluation())
    assert capsys.readouterr().out == Path("results/table.md").read_text()


def test_what_the_methods_wrote_stands_in_a_second_table_below_the_systems() -> None:
    report(evaluation(), pools=[pool(), pool("one_by_one")])
    _, systems, methods = Path("results/table.md").read_text().split("\n\n")
    assert systems.endswith("|")
    assert [line.split("|")[1].strip() for line in methods.splitlines()[2:]] == ["all_at_once", "one_by_one"]


def test_every_sentence_kept_or_rejected_is_on_a_page_of_its_own() -> None:
    report(evaluation(), pools=[pool(), pool("one_by_one")])
    sentences = Path("results/sentences.html").read_text()
    for method in ("all_at_once", "one_by_one"):
        assert accepted(method=method).id in sentences
        assert rejected(method=method).draft.id in sentences


def test_metrics_hold_a_key_for_each_system_and_baseline() -> None:
    report(evaluation("gold"), evaluation("silver"))
    metrics = json.loads(Path("metrics.json").read_text())
    assert list(metrics) == ["gold", "silver", "majority", "random"]
    assert metrics["gold"] == {
        "micro_f1": {"mean": 0.651, "std": 0.012, "low": 0.61, "high": 0.69},
        "micro_precision": {"mean": 0.64, "std": 0.02},
        "micro_recall": {"mean": 0.66, "std": 0.03},
        "macro_f1": {"mean": 0.62, "std": 0.04},
        "accuracy": {"mean": 0.7, "std": 0.05},
        "draw": "0123456789ab",
        "trained_on": {"real": 22, "written": 0},
    }
    assert metrics["majority"] == {"micro_f1": {"mean": 0.125, "std": 0.0}}


def test_the_plot_files_are_in_long_form() -> None:
    report(evaluation())

    def rows(name: str) -> list[dict[str, str]]:
        return list(csv.DictReader(Path(f"results/plots/{name}.csv").open()))

    assert rows("curves")[0] == {"system": "gold", "seed": "1", "update": "25", "loss": "0.08", "micro_f1": "0.25"}
    assert rows("relations")[1] == {"system": "gold", "relation": "mends", "f1": "0.6"}
    assert rows("confusion")[2] == {"system": "gold", "actual": "brews", "predicted": "none", "count": "2"}
    assert [len(rows(name)) for name in ("curves", "relations", "confusion")] == [4, 3, 9]


def test_files_of_systems_and_methods_that_params_do_not_name_are_left_out() -> None:
    put(evaluation("stale"), pools=[pool("stale")])
    report(evaluation("gold"))
    assert [row[0] for row in table()[2:]] == ["gold", "majority (baseline)", "random (baseline)"]
    assert all("stale" not in Path(output).read_text() for output in OUTPUTS if Path(output).is_file())


@pytest.mark.parametrize("name", ["written", "majority"])
def test_a_system_that_has_the_name_of_something_else_in_the_metrics_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"no system can be called {name}, a key of metrics.json"):
        report(evaluation(name))
    assert not any(Path(output).exists() for output in OUTPUTS)


def test_a_missing_evaluation_is_named_with_its_cure_and_nothing_is_written() -> None:
    put(evaluation("gold"), evaluation("silver"))
    Path("results/evaluation/silver.json").unlink()
    with pytest.raises(UserError, match=r"results/evaluation/silver\.json.*not found.*dvc repro evaluate@silver"):
        main(*map(Path, ARGUMENTS))
    assert not any(Path(output).exists() for output in OUTPUTS)


@pytest.mark.parametrize(
    "missing", ["results/pools/one_by_one.json", "data/accepted/one_by_one.jsonl", "data/rejected/one_by_one.jsonl"]
)
def test_what_is_missing_of_a_method_is_named_with_its_cure_and_nothing_is_written(missing: str) -> None:
    put(evaluation(), pools=[pool(), pool("one_by_one")])
    Path(missing).unlink()
    with pytest.raises(UserError, match=rf"{missing}.*not found.*dvc repro filter@one_by_one"):
        main(*map(Path, ARGUMENTS))
    assert not any(Path(output).exists() for output in OUTPUTS)


def test_an_evaluation_of_another_version_is_refused_with_the_field_that_is_wrong() -> None:
    put(evaluation())
    fields = json.loads(evaluation().model_dump_json()) | {"test": "many"}
    Path("results/evaluation/gold.json").write_text(json.dumps(fields))
    with pytest.raises(UserError, match=r"gold\.json: test: .*dvc repro -f evaluate@gold"):
        main(*map(Path, ARGUMENTS))


def test_a_confusion_matrix_that_does_not_fit_the_labels_is_refused() -> None:
    with pytest.raises(ValueError, match="not 3 x 3"):
        evaluation(confusion=[[1, 2], [3, 4]])


def test_systems_evaluated_on_different_draws_are_not_put_side_by_side() -> None:
    with pytest.raises(UserError, match=r"gold was evaluated with draw 0123456789ab .* silver with draw ba9876543210"):
        report(evaluation("gold"), evaluation("silver", draw=draw(hash="ba9876543210")))


@pytest.mark.parametrize(
    ("params", "missing"),
    [("systems: []\nmethods: []\n", "systems"), ("methods: []\n", "systems"), ("systems: [gold]\n", "methods")],
)
def test_params_that_do_not_say_what_is_reported_are_refused(params: str, missing: str) -> None:
    Path("params.yaml").write_text(params)
    with pytest.raises(UserError, match=f"no list '{missing}'"):
        main(*map(Path, ARGUMENTS))


def test_an_evaluation_survives_being_written_and_read() -> None:
    assert Evaluation.model_validate_json(evaluation().model_dump_json()) == evaluation()


def test_two_reports_are_byte_identical() -> None:
    def run() -> list[bytes]:
        main(*map(Path, ARGUMENTS))
        return [path.read_bytes() for path in sorted(Path.cwd().rglob("*")) if path.is_file()]

    put(evaluation(), pools=[pool()])
    assert run() == run()


def test_the_stage_does_without_torch_and_transformers() -> None:
    script = "import sys, stages.report; print(sorted({'torch', 'transformers', 'mlflow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_mlflow_run_carries_all_parameters_the_metrics_and_the_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISABLE_MLFLOW_INTEGRATION")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    put(evaluation())
    Path("params.yaml").write_text(
        json.dumps({"systems": ["gold"], "methods": [], "writers": [], "sample": {"shots": 8}})
    )
    main(*map(Path, ARGUMENTS))
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    [experiment] = [found for found in client.search_experiments() if found.name == "relseed"]
    [run] = client.search_runs([experiment.experiment_id])
    assert run.data.params == {"systems": "['gold']", "methods": "[]", "writers": "[]", "sample.shots": "8"}
    assert (run.data.metrics["gold.micro_f1.mean"], run.data.metrics["majority.micro_f1.mean"]) == (0.651, 0.125)
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["report.html", "sentences.html"]
