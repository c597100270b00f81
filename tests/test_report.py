"""The report: one table, two pages, one metrics.json, of the systems and methods that params.yaml names."""

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
from relseed.generation.summary import MethodSummary
from relseed.pipeline.errors import UserError
from stages.report import main
from tests.evaluations import (
    CARD,
    decided,
    draw,
    error,
    evaluation,
    reliability,
    scores,
    summary,
    unreliable,
    wire,
)
from tests.graph import ROOT

CARD_FILE, MEASURED = Path("data/dataset/card.json"), Path("results/measured")
OUTPUTS = {
    "table": Path("results/table.md"),
    "page": Path("results/report.html"),
    "errors": Path("results/errors.html"),
    "plots": Path("results/plots"),
    "metrics": Path("metrics.json"),
}


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the stage reads except what was measured, as working folder."""
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    monkeypatch.chdir(tmp_path)
    for folder in (CARD_FILE.parent, MEASURED / "systems", MEASURED / "methods"):
        folder.mkdir(parents=True)
    CARD_FILE.write_text(json.dumps(CARD))
    return tmp_path


def put(*evaluations: Evaluation, methods: Sequence[MethodSummary] = ()) -> None:
    """Write evaluations and summaries of methods, and a params.yaml that names them all."""
    for found in evaluations:
        (MEASURED / f"systems/{found.system}.json").write_text(found.model_dump_json())
    for found in methods:
        (MEASURED / f"methods/{found.method}.json").write_text(found.model_dump_json())
    entries = {
        "systems": {found.system: {"head": "genpt"} for found in evaluations},
        "methods": {found.method: {"loop": "one_by_one"} for found in methods},
        "labellers": {},
        "rankings": {},
        "drifts": {},
        "evaluate": {"resamples": 50, "seed": 1},
    }
    Path("params.yaml").write_text(json.dumps(entries))


def run() -> None:
    main(CARD_FILE, MEASURED, **OUTPUTS)


def report(*evaluations: Evaluation, methods: Sequence[MethodSummary] = ()) -> None:
    put(*evaluations, methods=methods)
    run()


def written() -> list[Path]:
    return [path for path in OUTPUTS.values() if path.exists()]


def table(number: int = 1) -> list[list[str]]:
    """The cells of a table in the file: that of the systems, unless another is asked for."""
    lines = OUTPUTS["table"].read_text().split("\n\n")[number].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_table_has_a_row_for_each_system_and_baseline_in_percent() -> None:
    report(evaluation("gold"), evaluation("silver", real=0, written=1024))
    scored = ["65.1 ± 1.2", "61.0 – 69.0", "64.0 ± 2.0", "66.0 ± 3.0", "62.0 ± 4.0", "40.0 ± 2.0"]
    header = ["micro-F1", "95 % interval", "precision", "recall", "macro-F1", "F1 at 80 % negatives"]
    assert table() == [
        ["system", "real", "written", *header],
        table()[1],
        ["gold", "22", "0", *scored],
        ["silver", "0", "1,024", *scored],
        ["majority (baseline)", "–", "–", "12.5", "–", "–", "–", "–", "–"],
        ["random (baseline)", "–", "–", "10.0 ± 1.0", "–", "–", "–", "–", "–"],
    ]
    assert all(re.fullmatch(":?-+:?", cell) for cell in table()[1])


def test_a_second_table_says_what_can_be_relied_on() -> None:
    silent = reliability(false_alarms=Spread(mean=0.0, std=0.0), negatives_found=Spread(mean=1.0, std=0.0))
    report(evaluation("gold"), evaluation("silver", reliability=silent, decisions=[decided(threshold=0.25)] * 2))
    assert table(2) == [
        ["system", "threshold", "negatives found", "false alarms per 100", "calibration error"],
        table(2)[1],
        ["gold", "0.62", "75.0 ± 5.0", "25.0", "0.062"],
        ["silver", "0.25", "100.0", "0.0", "0.062"],
    ]


def test_a_third_table_has_precision_and_f1_at_each_share_of_negatives_with_their_intervals() -> None:
    report(evaluation("gold"), evaluation("silver"))
    rows = [
        ["20 %", "30.0 ± 1.0", "25.0 – 35.0", "70.0", "60.0 – 80.0"],
        ["80 %", "30.0 ± 1.0", "25.0 – 35.0", "40.0 ± 2.0", "36.0 – 44.0"],
    ]
    assert table(3) == [
        ["system", "negatives", "precision", "95 % interval", "F1", "95 % interval"],
        table(3)[1],
        *[[system, *row] for system in ("gold", "silver") for row in rows],
    ]


def test_a_dataset_without_a_negative_label_has_no_tables_about_it() -> None:
    report(evaluation(reliability=unreliable()))
    assert OUTPUTS["table"].read_text().count("\n\n") == 1
    assert table()[0][-1] == "macro-F1"


def test_scores_on_running_text_stand_beside_the_others_where_a_system_has_them() -> None:
    report(evaluation("gold", wire=wire()), evaluation("silver"))
    header, _, gold, silver = table(2)
    assert header[5:] == ["wire: negatives found", "wire: F1", "95 % interval", "wire: F1 from raw text"]
    assert gold[5:] == ["90.0", "50.0", "40.0 – 60.0", "25.0"]
    assert silver[5:] == ["–"] * 4
    metrics = json.loads(OUTPUTS["metrics"].read_text())
    measured = {name: value["mean"] for name, value in metrics["gold"]["reliability"].items() if "wire" in name}
    assert measured == {
        "wire_negatives_found": 0.9,
        "wire_precision": 0.5,
        "wire_recall": 0.5,
        "wire_f1": 0.5,
        "wire_raw_f1": 0.25,
    }
    assert not any("wire" in name for name in metrics["silver"]["reliability"])


def test_the_official_macro_f1_has_a_column_only_where_there_is_one() -> None:
    report(evaluation("gold", scores=scores(semeval_macro_f1=Spread(mean=0.5, std=0.01))), evaluation("silver"))
    assert [row[-1] for row in table()] == ["official macro-F1", table()[1][-1], "50.0 ± 1.0", "–", "–", "–"]
    assert table()[2][-2:] == ["40.0 ± 2.0", "50.0 ± 1.0"]


def test_the_line_above_the_table_says_what_was_measured() -> None:
    report(evaluation())
    assert OUTPUTS["table"].read_text().splitlines()[0] == (
        "Teahouse, K = 8, draw 3 (0123456789ab), 7 test examples; encoder tiny-encoder, 50 steps, random seeds 1, 2"
    )


def test_the_table_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    report(evaluation())
    assert capsys.readouterr().out == OUTPUTS["table"].read_text()


def test_what_the_methods_wrote_stands_in_the_last_table() -> None:
    report(evaluation(), methods=[summary(), summary("one_by_one")])
    assert [row[0] for row in table(-1)[2:]] == ["all_at_once", "one_by_one"]


def test_the_errors_of_every_system_are_on_a_page_of_their_own() -> None:
    ids = {system: f"test-of-{system}" for system in ("gold", "silver")}
    report(*(evaluation(system, errors=[error("brews", "none", id=id)]) for system, id in ids.items()))
    text = OUTPUTS["errors"].read_text()
    assert all(id in text for id in ids.values())
    assert OUTPUTS["table"].read_text().splitlines()[0] in text


def test_metrics_hold_a_key_for_each_system_and_baseline() -> None:
    report(evaluation("gold"), evaluation("silver"))
    metrics = json.loads(OUTPUTS["metrics"].read_text())
    assert list(metrics) == ["gold", "silver", "majority", "random"]
    assert metrics["gold"] == {
        "micro_f1": {"mean": 0.651, "std": 0.012, "low": 0.61, "high": 0.69},
        "micro_precision": {"mean": 0.64, "std": 0.02},
        "micro_recall": {"mean": 0.66, "std": 0.03},
        "macro_f1": {"mean": 0.62, "std": 0.04},
        "accuracy": {"mean": 0.7, "std": 0.05},
        "draw": "0123456789ab",
        "trained_on": {"real": 22, "written": 0},
        "reliability": {
            "negatives_found": {"mean": 0.75, "std": 0.05},
            "false_alarms_per_100": {"mean": 25.0, "std": 5.0},
            "calibration_error": {"mean": 0.0625, "std": 0.01},
            "threshold": {"mean": 0.625, "std": pytest.approx(0.25 / 2**0.5)},
            "f1_at_20": {"mean": 0.7, "std": 0.0, "low": 0.6, "high": 0.8},
            "precision_at_20": {"mean": 0.3, "std": 0.01, "low": 0.25, "high": 0.35},
            "f1_at_80": {"mean": 0.4, "std": 0.02, "low": 0.36, "high": 0.44},
            "precision_at_80": {"mean": 0.3, "std": 0.01, "low": 0.25, "high": 0.35},
            "negatives_share": 5 / 7,
        },
    }
    assert metrics["majority"] == {"micro_f1": {"mean": 0.125, "std": 0.0}}


def test_the_plot_files_are_in_long_form() -> None:
    report(evaluation())

    def rows(name: str) -> list[dict[str, str]]:
        return list(csv.DictReader((OUTPUTS["plots"] / f"{name}.csv").open()))

    assert rows("curves")[0] == {"system": "gold", "seed": "1", "step": "25", "loss": "0.08", "micro_f1": "0.25"}
    assert rows("labels")[1] == {"system": "gold", "label": "mends", "f1": "0.6"}
    assert rows("confusion")[2] == {"system": "gold", "actual": "brews", "predicted": "none", "count": "2"}
    assert [len(rows(name)) for name in ("curves", "labels", "confusion")] == [4, 3, 9]


def test_files_of_systems_and_methods_that_params_do_not_name_are_left_out() -> None:
    put(evaluation("stale"), methods=[summary("stale")])
    report(evaluation("gold"))
    assert [row[0] for row in table()[2:]] == ["gold", "majority (baseline)", "random (baseline)"]
    assert all("stale" not in path.read_text() for path in written() if path.is_file())


@pytest.mark.parametrize("name", ["methods", "majority"])
def test_a_system_that_has_the_name_of_something_else_in_the_metrics_is_an_error(name: str) -> None:
    with pytest.raises(UserError, match=f"no system can be called {name}, a key of metrics.json"):
        report(evaluation(name))
    assert written() == []


def test_a_missing_evaluation_is_named_with_its_cure_and_nothing_is_written() -> None:
    put(evaluation("gold"), evaluation("silver"))
    (MEASURED / "systems/silver.json").unlink()
    with pytest.raises(UserError, match=r"results/measured/systems/silver\.json.*not found.*dvc repro evaluate@silver"):
        run()
    assert written() == []


def test_a_missing_summary_of_a_method_is_named_with_its_cure_and_nothing_is_written() -> None:
    put(evaluation(), methods=[summary(), summary("one_by_one")])
    (MEASURED / "methods/one_by_one.json").unlink()
    with pytest.raises(UserError, match=r"methods/one_by_one\.json.*not found.*dvc repro filter@one_by_one"):
        run()
    assert written() == []


def test_an_evaluation_of_another_version_is_an_error_with_the_field_that_is_wrong() -> None:
    put(evaluation())
    fields = json.loads(evaluation().model_dump_json()) | {"test": "many"}
    (MEASURED / "systems/gold.json").write_text(json.dumps(fields))
    with pytest.raises(UserError, match=r"gold\.json: test: .*dvc repro -f evaluate@gold"):
        run()


def test_a_confusion_matrix_that_does_not_fit_the_labels_is_an_error() -> None:
    with pytest.raises(ValueError, match="not 3 x 3"):
        evaluation(confusion=[[1, 2], [3, 4]])


def test_a_decision_for_each_random_seed_is_what_an_evaluation_holds() -> None:
    with pytest.raises(ValueError, match="not one decision for each random seed"):
        evaluation(decisions=[decided()])


def test_without_a_negative_label_metrics_say_nothing_of_negatives() -> None:
    report(evaluation(reliability=unreliable(), negative=None))
    metrics = json.loads(OUTPUTS["metrics"].read_text())["gold"]["reliability"]
    assert set(metrics) == {"calibration_error", "threshold"}


def test_systems_evaluated_on_different_draws_are_not_put_side_by_side() -> None:
    with pytest.raises(UserError, match=r"gold was evaluated with draw 0123456789ab .* silver with draw ba9876543210"):
        report(evaluation("gold"), evaluation("silver", draw=draw(hash="ba9876543210")))


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ("systems: {}\nmethods: {}\nlabellers: {}\nrankings: {}\ndrifts: {}\n", "`systems` is empty"),
        ("methods: {}\n", "no section 'systems'"),
        ("systems: {gold: {}}\n", "no section 'methods'"),
        ("systems: {gold: {}}\nmethods: {}\n", "no section 'labellers'"),
        ("systems: {../gold: {}}\nmethods: {}\n", r"systems has an entry '\.\./gold': a name has letters"),
    ],
)
def test_params_that_do_not_say_what_is_reported_are_an_error(params: str, says: str) -> None:
    Path("params.yaml").write_text(params)
    with pytest.raises(UserError, match=rf"params\.yaml.*{says}"):
        run()


def test_an_evaluation_survives_being_written_and_read() -> None:
    assert Evaluation.model_validate_json(evaluation().model_dump_json()) == evaluation()


def test_two_reports_are_byte_identical() -> None:
    def reported() -> list[bytes]:
        run()
        return [path.read_bytes() for path in sorted(Path.cwd().rglob("*")) if path.is_file()]

    put(evaluation(), methods=[summary()])
    assert reported() == reported()


def test_the_stage_does_without_torch_and_transformers() -> None:
    script = "import sys, stages.report; print(sorted({'torch', 'transformers', 'mlflow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_mlflow_run_carries_all_parameters_the_metrics_and_the_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISABLE_MLFLOW_INTEGRATION")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    put(evaluation())
    params = {
        "systems": {"gold": {"head": "genpt"}},
        "methods": {},
        "labellers": {},
        "rankings": {},
        "drifts": {},
        "sample": {"shots": 8},
    }
    params["evaluate"] = {"resamples": 50, "seed": 1}
    Path("params.yaml").write_text(json.dumps(params))
    run()
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    [experiment] = [found for found in client.search_experiments() if found.name == "relseed"]
    [tracked] = client.search_runs([experiment.experiment_id])
    evaluate = {"evaluate.resamples": "50", "evaluate.seed": "1"}
    assert tracked.data.params == {"systems.gold.head": "genpt", "sample.shots": "8", **evaluate}
    assert (tracked.data.metrics["gold.micro_f1.mean"], tracked.data.metrics["majority.micro_f1.mean"]) == (
        0.651,
        0.125,
    )
    assert [file.path for file in client.list_artifacts(tracked.info.run_id)] == ["errors.html", "report.html"]
