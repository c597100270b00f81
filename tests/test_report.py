"""The report: one table, one page, one metrics.json, from the systems that params.yaml names."""

import csv
import json
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from mlflow import MlflowClient

from stages.pipeline.errors import UserError
from stages.report import main
from stages.reporting.evaluation import Evaluation, Spread
from stages.reporting.page import Confusion, most_confused
from tests.browser import FIGURES, REQUESTS, ask
from tests.evaluations import CARD, draw, evaluation, scores

REPOSITORY = Path(__file__).parent.parent
OUTPUTS = ("results/table.md", "results/report.html", "results/plots", "metrics.json")
ARGUMENTS = ("data/dataset/card.json", "results/evaluation", *OUTPUTS)
SVG = re.compile(r"<svg.*?</svg>", re.DOTALL)


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the stage reads except evaluations, as working folder."""
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/dataset").mkdir(parents=True)
    (tmp_path / "results/evaluation").mkdir(parents=True)
    (tmp_path / "data/dataset/card.json").write_text(json.dumps(CARD))
    return tmp_path


def put(*evaluations: Evaluation) -> None:
    """Write evaluations and a params.yaml that names their systems."""
    for one in evaluations:
        Path(f"results/evaluation/{one.system}.json").write_text(one.model_dump_json())
    Path("params.yaml").write_text(json.dumps({"systems": [one.system for one in evaluations]}))


def report(*evaluations: Evaluation) -> None:
    put(*evaluations)
    main(*map(Path, ARGUMENTS))


def page() -> str:
    return Path("results/report.html").read_text()


class Loads(HTMLParser):
    """Collects what a browser would fetch for a page, and every id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "srcset", "href", "xlink:href", "data", "poster", "action"):
                self.addresses.append(f"{tag} {value}")
            if name == "id":
                self.ids.append(value or "")


def table() -> list[list[str]]:
    lines = Path("results/table.md").read_text().splitlines()
    assert lines[1] == ""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_table_has_a_row_for_each_system_and_baseline_in_percent() -> None:
    report(evaluation("gold"), evaluation("silver"))
    assert table() == [
        ["system", "micro-F1", "95 % interval", "precision", "recall", "macro-F1"],
        table()[1],
        ["gold", "65.1 ± 1.2", "61.0 – 69.0", "64.0 ± 2.0", "66.0 ± 3.0", "62.0 ± 4.0"],
        ["silver", "65.1 ± 1.2", "61.0 – 69.0", "64.0 ± 2.0", "66.0 ± 3.0", "62.0 ± 4.0"],
        ["majority (baseline)", "12.5", "–", "–", "–", "–"],
        ["random (baseline)", "10.0 ± 1.0", "–", "–", "–", "–"],
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


def test_files_of_systems_that_params_do_not_name_are_left_out() -> None:
    put(evaluation("stale"))
    report(evaluation("gold"))
    assert [row[0] for row in table()[2:]] == ["gold", "majority (baseline)", "random (baseline)"]
    assert "stale" not in Path("metrics.json").read_text() + page()


def test_a_missing_evaluation_is_named_with_its_cure_and_nothing_is_written() -> None:
    put(evaluation("gold"), evaluation("silver"))
    Path("results/evaluation/silver.json").unlink()
    with pytest.raises(UserError, match=r"results/evaluation/silver\.json.*not found.*dvc repro evaluate@silver"):
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


def test_params_without_systems_are_refused() -> None:
    Path("params.yaml").write_text("systems: []\n")
    with pytest.raises(UserError, match="no list 'systems'"):
        main(*map(Path, ARGUMENTS))


def test_an_evaluation_survives_being_written_and_read() -> None:
    assert Evaluation.model_validate_json(evaluation().model_dump_json()) == evaluation()


def test_the_most_frequent_confusions_come_first_and_right_answers_never() -> None:
    counts = [[90, 1, 5], [7, 0, 0], [0, 0, 4]]
    assert most_confused(evaluation(confusion=counts)) == [
        Confusion("mends", "brews", 7, 1.0),
        Confusion("brews", "none", 5, 5 / 96),
        Confusion("brews", "mends", 1, 1 / 96),
    ]


def test_the_page_loads_nothing() -> None:
    report(evaluation())
    assert Loads(page()).addresses == []
    assert not re.search(r"url\(|@import|<script|<link|<iframe", page())


def test_the_page_holds_four_figures_for_each_system_and_no_id_twice() -> None:
    report(evaluation("gold"), evaluation("silver"))
    figures = SVG.findall(page())
    assert len(figures) == 8
    assert all(ElementTree.fromstring(figure).tag.endswith("svg") for figure in figures)
    assert [name for name, times in Counter(Loads(page()).ids).items() if times > 1] == []


def test_the_page_says_what_was_drawn_what_leaked_and_what_the_dataset_is() -> None:
    report(evaluation())
    text = " ".join(re.sub(r"<[^>]*>", " ", SVG.sub("", page())).split())
    for part in ("0123456789ab", "mends (6)", "seeds in test 0 1", "train-3 test-9 0.88", "CC0-1.0", "a shelf"):
        assert part in text
    assert "brews none 2 20 %" in text
    assert "all 1,500 1,500 1,500" in text


def test_labels_are_escaped_in_text_and_figures() -> None:
    labels = ("<b>", "a & b", "none")
    Path("data/dataset/card.json").write_text(
        json.dumps(CARD | {"labels": dict.fromkeys(labels, CARD["labels"]["none"])})
    )
    report(evaluation(labels=labels))
    assert "<b>" not in page()
    assert all("&lt;b&gt;" in part for part in (SVG.sub("", page()), *SVG.findall(page())[:2]))


def test_two_reports_are_byte_identical() -> None:
    def run() -> list[bytes]:
        main(*map(Path, ARGUMENTS))
        return [path.read_bytes() for path in sorted(Path.cwd().rglob("*")) if path.is_file()]

    put(evaluation())
    assert run() == run()


def test_a_relation_without_test_examples_is_drawn_empty() -> None:
    report(evaluation(confusion=[[1, 0, 0], [0, 0, 0], [0, 0, 1]]))
    assert all("NaN" not in figure for figure in SVG.findall(page()))


def test_the_stage_does_without_torch_and_transformers() -> None:
    script = "import sys, stages.report; print(sorted({'torch', 'transformers', 'mlflow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_mlflow_run_carries_all_parameters_the_metrics_and_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISABLE_MLFLOW_INTEGRATION")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    put(evaluation())
    Path("params.yaml").write_text(json.dumps({"systems": ["gold"], "sample": {"shots": 8}}))
    main(*map(Path, ARGUMENTS))
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    [experiment] = [found for found in client.search_experiments() if found.name == "relseed"]
    [run] = client.search_runs([experiment.experiment_id])
    assert run.data.params == {"systems": "['gold']", "sample.shots": "8"}
    assert (run.data.metrics["gold.micro_f1.mean"], run.data.metrics["majority.micro_f1.mean"]) == (0.651, 0.125)
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["report.html"]


def test_a_browser_without_network_draws_every_figure(tmp_path: Path) -> None:
    report(evaluation())
    assert ask(Path("results/report.html"), f"[{FIGURES}, {REQUESTS}]", tmp_path) == [4, []]


def test_the_page_does_not_scroll_sideways_on_a_phone(tmp_path: Path) -> None:
    report(evaluation(labels=tuple(f"a_relation_with_a_long_name_{number}" for number in range(42))))
    width = ask(Path("results/report.html"), "document.documentElement.scrollWidth", tmp_path, width=500)
    assert width <= 500


def test_all_of_42_labels_can_be_read_in_the_confusion_matrix() -> None:
    labels = tuple(f"a_relation_with_a_long_name_{number}" for number in range(42))
    report(evaluation(labels=labels))
    texts = Counter(re.findall(r">([^<>]+)</text>", page()))
    assert all(texts[label] == 2 for label in labels)
