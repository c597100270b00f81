"""`relseed preview`: what the next run would ask, shown without asking."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from relseed.cli import app
from relseed.generation.writing import rehearse
from relseed.llm.request import Request
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params
from relseed.preview import preview
from relseed.records.files import write_records
from relseed.tasks.relation import TASK
from tests.hostile import responds, serving
from tests.methods import PARAMS, RULES, SCHEMA, SEEDS, good, method, targets, written
from tests.scripted import Scripted

LABELLERS = [f"{name}:" for name in PARAMS["labellers"]]
METHODS = {
    name: method(name).settings.model_dump(mode="json", exclude_none=True) for name in ("all_at_once", "one_by_one")
}


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch) -> Path:
    """A working folder with labels, seeds and two methods."""
    write_records(tmp_path / "data/dataset/labels.jsonl", SCHEMA.relations)
    write_records(tmp_path / "data/seeds/train.jsonl", SEEDS)
    set_params(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def set_params(folder: Path, **changes: Any) -> None:
    params = PARAMS | {"methods": METHODS, "rules": RULES.model_dump()} | changes
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")


def shown(*names: str) -> str:
    return preview(Params.read(), names, Path("data"))


def parts(request: Request) -> list[str]:
    """What a preview shows of a request."""
    schema = json.dumps(request.response_schema, ensure_ascii=False)
    return [*(message.content for message in request.messages), schema]


@pytest.mark.parametrize("name", METHODS)
def test_the_first_prompt_of_a_method_one_of_the_middle_and_the_last_are_shown_with_their_schemas(name):
    requests = asyncio.run(rehearse(method(name), targets(method(name))))
    text = shown(name)
    for number, place in enumerate((0, len(requests) // 2, -1), start=1):
        assert f"--- prompt {number}\n" in text
        assert all(part in text for part in parts(requests[place]))
    assert "--- prompt 4" not in text


def test_the_first_prompt_is_the_one_that_the_run_sends_first():
    engine = Scripted(good)
    written(engine, method("one_by_one"))
    assert all(part in shown("one_by_one") for part in parts(engine.requests[0]))


def test_counts_and_estimated_cost_of_a_method_are_said(project):
    prices = {"prompt": 1.0, "response": 1000.0}
    set_params(project, llms={"teacher": PARAMS["llms"]["teacher"] | {"prices": prices}})
    header, estimate, *_ = shown("one_by_one").splitlines()
    assert header == "=== one_by_one: 18 examples in 3 units, loop one_by_one, by teacher (claude)"
    assert estimate.startswith("18 requests to the engine 'batch': prompts of about ")
    assert "responses of at most 720, a cost of about 0.73, if nothing is rejected" in estimate


def test_explanations_are_previewed_like_a_method():
    text = shown("explain")
    assert text.startswith("=== explain: an explanation of each of 15 seeds, by teacher (claude)\n15 requests to")
    assert "Sentence: <e1>Marit</e1> owns <e2>Sula</e2> for all we ever heard 0\n" in text


def test_tuples_are_previewed_like_a_method_and_those_of_a_file_ask_nothing(project):
    text = shown("tuples")
    assert text.startswith("=== tuples: 24 tuples of each relation, by teacher (claude)\n2 requests to")
    assert "- Marit | Sula\n" in text
    set_params(project, tuples={"source": "table", "reads": "own.csv"})
    assert shown("tuples") == "=== tuples: from table: asks nothing\n"


def test_all_methods_explanations_and_tuples_are_shown_where_none_is_named():
    result = CliRunner().invoke(app, ["preview"])
    headers = [line for line in result.output.splitlines() if line.startswith("=== ")]
    named = ["explain:", "tuples:", "all_at_once:", "one_by_one:", *sorted(LABELLERS)]
    assert [header.split()[1] for header in headers] == named


def test_the_first_prompt_of_a_labeller_is_the_one_about_the_first_test_example(project):
    write_records(project / "data/dataset/test.jsonl", SEEDS[:3])
    text = shown("llm_zero")
    wanted = "labels of 3 test examples, demonstrations none, by teacher (claude)\n3 requests"
    assert text.startswith(f"=== llm_zero: {wanted}")
    assert TASK.show(SEEDS[0]) in text


def test_a_labeller_that_scores_names_asks_nothing_and_says_so(project):
    write_records(project / "data/dataset/test.jsonl", SEEDS[:3])
    entry = PARAMS["labellers"]["llm_zero"] | {"llm": "smollm2", "answer": "score_sum"}
    set_params(project, labellers={"llm_zero": entry})
    assert "which scores the names: asks nothing" in shown("llm_zero")


def test_a_labeller_without_its_test_examples_says_what_builds_them():
    assert "=== llm_zero: cannot be rendered yet: " in shown("llm_zero")
    assert "build it with `dvc repro ingest`" in shown("llm_zero")


def test_nothing_is_asked(project):
    with serving(responds()) as server:
        llms = {"teacher": PARAMS["llms"]["teacher"] | {"engine": "openai"}}
        set_params(project, llms=llms, engines=PARAMS["engines"] | {"openai": {"url": server.url}})
        result = CliRunner().invoke(app, ["preview"])
    assert (result.exit_code, sum(server.requests.values())) == (0, 0)
    assert "requests to the engine 'openai'" in result.output


def test_no_file_is_written(project):
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    CliRunner().invoke(app, ["preview"])
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


def test_a_method_whose_llm_is_not_built_yet_says_so_and_the_others_are_shown(project):
    tuned = PARAMS["llms"]["tuned"] | {"adapters": "models/lm/tuned"}
    methods = {"tuned": METHODS["one_by_one"] | {"llm": "tuned"}} | METHODS
    set_params(project, methods=methods, llms=PARAMS["llms"] | {"tuned": tuned})
    text = shown("tuned", "one_by_one")
    assert text.startswith("=== tuned: cannot be rendered yet: models/lm/tuned/adapters.json: file not found")
    assert "=== one_by_one: 18 examples" in text


def test_a_method_that_makes_its_examples_by_rule_asks_nothing_and_says_so(project):
    made = {"loop": "rule_made", "llm": "none", "reads": "data/seeds/train.jsonl", "per_label": 2, "kind": "swapped"}
    made |= {"about": "data/dataset/labels.jsonl"}
    set_params(project, methods={"made": made | {"seed": 1}} | METHODS)
    text = shown("made", "one_by_one")
    assert text.startswith("=== made: made by rule from the seeds, loop rule_made: asks nothing\n")
    assert "=== one_by_one: 18 examples" in text


def test_a_method_of_other_units_than_labels_counts_those(project):
    few = {"per_label": 2, "co_occurrences": 3, "negatives": ["denied"]}
    negatives = method("negatives", **few).settings.model_dump(mode="json", exclude_none=True)
    set_params(project, methods={"negatives": negatives})
    assert shown("negatives").startswith("=== negatives: 7 examples in 3 units, loop negatives, by teacher (claude)")


@pytest.mark.parametrize("name", ["explain", "one_by_one"])
def test_seeds_that_are_not_there_are_an_error_with_a_cure(project, name):
    (project / "data/seeds/train.jsonl").unlink()
    with pytest.raises(UserError, match=r"train\.jsonl: file not found: build it with `dvc repro sample`"):
        shown(name)


def test_an_unknown_method_is_an_error_that_lists_the_known_ones():
    with pytest.raises(UserError, match="methods has no entry 'two_by_two', it has all_at_once, one_by_one"):
        shown("two_by_two")


def test_explanations_of_another_task_than_relations_are_said_to_be_none(project):
    set_params(project, task="yes_no")
    assert shown("explain") == "=== explain: has relations explained, and the task is yes_no\n"
    assert shown("tuples") == "=== tuples: has tuples of relations written, and the task is yes_no\n"
