"""The graph itself: which stages there are, what they may never see, how they are called; and the layers of code."""

import importlib
import inspect
import subprocess
from pathlib import Path
from typing import get_args

import pytest
import yaml

from relseed.records.scores import BLEND
from tests.graph import (
    PARAMS,
    ROOT,
    covers,
    declared,
    downstream,
    imports,
    is_code,
    named,
    params_of,
    paths,
    pipeline,
    upstream,
    verb,
)

STAGES = pipeline()
NAMES = [stage.name for stage in STAGES]
REPEATED = {
    "generate": "methods",
    "filter": "methods",
    "browse": "methods",
    "drift": "drifts",
    "score": "criteria",
    "drafts": "drafts",
    "rank": "rankings",
    "release": "releases",
    "train_seq2seq": "seq2seq",
    "train_lm": "lms",
    "pairs": "pairs",
    "dpo": "dpo",
    "select": "training_sets",
    "pretrain": "encoders",
    "finetune": "systems",
    "evaluate": "systems",
    "label": "labellers",
}


def options(verb: str) -> dict[str, str]:
    """The options of a stage's command, and the paths that they name."""
    words = declared()[verb]["cmd"].split()
    assert words[:3] == ["python", "-m", f"stages.{verb}"]
    return dict(zip(words[3::2], words[4::2], strict=True))


def test_every_file_of_stages_is_a_stage_and_every_stage_is_a_file():
    files = {path.stem for path in (ROOT / "stages").glob("*.py")} - {"__init__"}
    assert files == set(declared())


@pytest.mark.parametrize(("repeated", "mapping"), REPEATED.items())
def test_a_stage_is_repeated_for_every_entry_of_its_mapping(repeated, mapping):
    assert [stage.name for stage in STAGES if verb(stage) == repeated] == [
        f"{repeated}@{name}" for name in PARAMS[mapping]
    ]


@pytest.mark.parametrize("name", declared())
def test_the_options_of_a_command_are_the_parameters_of_its_stage(name):
    main = importlib.import_module(f"stages.{name}").main
    parameters = inspect.signature(main, eval_str=True).parameters.values()
    by_option = {f"--{one.name.replace('_', '-')}" for one in parameters if not get_args(one.annotation)}
    assert set(options(name)) == by_option


@pytest.mark.parametrize("name", declared())
def test_no_value_and_no_name_of_the_parameters_reaches_a_shell(name):
    assert "$" not in declared()[name]["cmd"]


@pytest.mark.parametrize("stage", STAGES, ids=NAMES)
def test_the_command_or_a_parameter_shows_where_data_comes_from_and_goes_to(stage):
    shown = [*options(verb(stage)).values(), *_paths_in_params(stage)]
    for path in [*paths(stage.deps), *paths(stage.outs)]:
        assert is_code(path) or any(covers([word], path) for word in shown), path


def _paths_in_params(stage) -> list[str]:
    entry = PARAMS.get(REPEATED.get(verb(stage), verb(stage)), {})
    if "@" in stage.name:
        entry = entry[stage.name.partition("@")[2]]
    keys = {"path", "reads", "about", "recorded", "pairs", "first", "second", "train", "encoder", "model", "other"}
    own = [value for key, value in entry.items() if key in keys] if isinstance(entry, dict) else []
    of_criteria = [one["reads"] for one in PARAMS["criteria"].values() if "criteria" in params_of(stage)]
    return [*own, *of_criteria]


@pytest.mark.parametrize("stage", STAGES, ids=NAMES)
def test_a_stage_of_one_entry_depends_on_no_other_entry_of_its_mapping(stage):
    own, mapping = stage.name.partition("@")[2], REPEATED.get(verb(stage))
    entries = {name.partition(".")[2] for name in params_of(stage) if name.partition(".")[0] == mapping and "." in name}
    assert entries <= {own}


@pytest.mark.parametrize(
    ("tested", "name"),
    [
        (tested, name)
        for tested, seen in {"test": ("evaluate", "label"), "wire": ("evaluate",)}.items()
        for name in NAMES
        if name.split("@")[0] not in ("ingest", "report", *seen)
    ],
)
def test_no_path_leads_from_the_test_data_to_a_stage_that_writes_trains_or_chooses(name, tested):
    reached = {path for stage in upstream(named(name)) for path in paths(stage.deps)}
    assert not [path for path in reached if covers([path], f"data/dataset/{tested}.jsonl")]


def test_evaluate_does_read_the_test_split():
    assert "data/dataset/test.jsonl" in paths(named("evaluate@gold").deps)


def test_only_the_report_reads_what_an_llm_said_of_the_test_split():
    told = [stage.name for stage in STAGES if verb(stage) == "label"]
    assert told
    assert {stage.name for stage in downstream([named(name) for name in told])} == {*told, "report"}


def test_the_gold_baseline_depends_on_no_language_model():
    before = upstream(named("evaluate@gold"))
    assert {verb(stage) for stage in before} == {"ingest", "sample", "encoder", "finetune", "evaluate"}
    assert not [path for stage in before for path in paths(stage.deps) if covers(["relseed/llm"], path)]


def test_adding_a_method_runs_no_stage_of_another_method():
    for stage in STAGES:
        if verb(stage) in ("generate", "filter", "browse"):
            assert "methods" not in params_of(stage)
            assert not [
                path for path in paths(stage.deps) if path in ("data/accepted", "data/candidates", "data/rejected")
            ]


@pytest.mark.parametrize("mapping", ["rankings", "training_sets", "releases", "encoders", "systems", "pairs", "dpo"])
def test_what_an_entry_reads_is_written_by_a_stage(mapping):
    written = [path for stage in STAGES for path in paths(stage.outs)]
    for entry in PARAMS[mapping].values():
        for path in (entry[key] for key in ("reads", "train", "encoder", "model") if key in entry):
            assert any(covers([path], out) or covers([out], path) for out in written), path


def test_what_an_entry_names_is_another_entry():
    methods, llms = PARAMS["methods"], PARAMS["llms"]
    assert {method["llm"] for method in methods.values()} <= set(llms)
    sets = PARAMS["training_sets"].values()
    assert {name for chosen in sets for name in (*chosen["methods"], *chosen["negatives"])} <= {*methods, BLEND}
    assert {pairs["method"] for pairs in PARAMS["pairs"].values()} <= set(methods)


def test_stages_import_the_library_and_the_library_imports_no_stage():
    for path in (ROOT / "relseed").rglob("*.py"):
        assert "stages" not in {word for line in _import_lines(path) for word in line.replace(".", " ").split()}, path


def _import_lines(path: Path) -> list[str]:
    return [
        line for line in path.read_text(encoding="utf-8").splitlines() if line.strip().startswith(("from ", "import "))
    ]


def test_the_packages_import_each_other_in_no_cycle():
    found = imports()
    order: list[str] = []
    while free := sorted(name for name, needs in found.items() if name not in order and needs <= set(order)):
        order += free
    assert set(order) == set(found)


@pytest.mark.parametrize(
    ("package", "unknown"),
    [
        ("tasks", {"methods", "generation", "classifier", "criteria", "training"}),
        ("methods", {"tasks", "llm", "quality", "records"}),  # a loop speaks to its unit alone
        ("criteria", {"methods", "generation"}),
        ("quality", {"training", "classifier", "llm", "tasks"}),
        ("generation", {"training", "classifier", "criteria"}),
        ("training", {"classifier", "tasks", "llm"}),
        ("classifier", {"llm", "generation", "methods", "extraction"}),
        ("extraction", {"llm", "generation", "methods", "training"}),
    ],
)
def test_a_package_knows_nothing_of_what_is_none_of_its_business(package, unknown):
    assert imports()[package] & unknown == set()


def test_criteria_know_where_weights_are_but_no_engine():
    for path in (ROOT / "relseed/criteria").rglob("*.py"):
        known = [line.split()[1] for line in _import_lines(path) if "relseed.llm" in line]
        assert set(known) <= {"relseed.llm.engines.weights"}, path


def test_tasks_know_requests_but_no_engine():
    for path in (ROOT / "relseed/tasks").rglob("*.py"):
        known = [line.split()[1] for line in _import_lines(path) if "relseed.llm" in line]
        assert set(known) <= {"relseed.llm.request"}, path


def test_the_lock_holds_no_stage_that_the_pipeline_lacks():
    locked = yaml.safe_load((ROOT / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    assert sorted(set(locked) - set(NAMES)) == []


def test_what_stages_write_is_ignored_by_git_whatever_dvc_does():
    for folder in ("data", "models", "results"):
        lines = (ROOT / folder / ".gitignore").read_text(encoding="utf-8").split("\n")
        assert "*" in lines
    outs = [path for stage in STAGES for path in paths(out for out in stage.outs if out.use_cache)]
    ignored = subprocess.run(["git", "check-ignore", "--no-index", *outs], cwd=ROOT, capture_output=True, text=True)
    assert ignored.stdout.split() == outs
