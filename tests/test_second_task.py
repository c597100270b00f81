"""The task `yes_no` from its published folder to its scores: questions that an endpoint writes, in a real pipeline."""

import json
import shutil
from itertools import cycle
from pathlib import Path

import pytest

from relseed.records.files import read_json_lines
from tests.conftest import copy, run, set_params
from tests.graph import PARAMS, ROOT
from tests.hostile import Handler, chat, serving

# A folder whose name a shell would take apart.
FOLDER = "data/ada's own $(touch pwned) primer"
QUESTIONS = {
    "true": [
        "Can a glass of salt water carry an electric current?",
        "Are there rivers in Europe that flow into the Black Sea?",
        "Is bread usually baked at a temperature above one hundred degrees?",
        "Do most owls hunt small animals after the sun has set?",
        "Has a violin fewer strings than an ordinary guitar?",
        "Would a wooden spoon float if it fell into a lake?",
    ],
    "false": [
        "Does the moon shine with light that it makes by itself?",
        "Were steam engines invented before people could write books?",
        "Can a horse fly over a mountain without any help?",
        "Is the Sahara covered by thick forests during the summer?",
        "Do chess players roll dice before they move a piece?",
        "Will pure gold rust when it is left out in the rain?",
    ],
}
# Three in turn, for each label by itself: requests of both come at the same time.
TURNS = {label: cycle([questions[:3], questions[3:]]) for label, questions in QUESTIONS.items()}
METHOD = {
    "loop": "all_at_once",
    "llm": "teacher",
    "reads": "data/seeds/train.jsonl",
    "about": "data/dataset/labels.jsonl",
    "per_label": 5,
    "max_request_factor": 1.2,
    "per_request": 3,
    "demonstrations": 8,
    "negatives": [],
    "diversity_instruction": True,
    "max_tokens_per_example": 60,
}
SYSTEM = {
    "encoder": "models/encoders/plain",
    "head": "first_token",
    "loss": "softmax",
    "negative_weight": 1.0,
    "score": "probability",
}


def answer(handler: Handler) -> None:
    """Three questions with the answer that the schema of the request demands, others each time; or a first code."""
    schema = handler.body["response_format"]["json_schema"]["schema"]
    if codes := schema["properties"].get("answer"):
        handler.send(200, chat(json.dumps({"answer": codes["enum"][0]})))
        return
    [label] = schema["properties"]["samples"]["items"]["properties"]["answer"]["enum"]
    samples = [{"answer": label, "question": question} for question in next(TURNS[label])]
    handler.send(200, chat(json.dumps({"samples": samples})))


@pytest.fixture(scope="module")
def project(checkout, warm, tmp_path_factory) -> Path:
    """A checkout whose task is `yes_no`, after `dvc repro report`."""
    folder = copy(checkout, tmp_path_factory.mktemp("second") / "checkout")
    shutil.copytree(ROOT / "data/primer", folder / FOLDER)
    with serving(answer) as server:
        set_params(
            folder,
            task="yes_no",
            ingest={"path": FOLDER},
            sample={"shots": 4},
            llms={"teacher": {"engine": "openai", "model": "any"}},
            engines={"openai": {"url": server.url}},
            methods={"questions": METHOD},
            labellers={"llm_zero": PARAMS["labellers"]["llm_zero"] | {"reads": "data/seeds/train.jsonl", "items": 6}},
            training_sets={
                "questions": {
                    "reads": "data/accepted/questions.jsonl",
                    "seeds": True,
                    "methods": ["questions"],
                    "per_label": 5,
                    "negatives": {},
                }
            },
            systems={
                "gold": {"train": "data/seeds/train.jsonl", **SYSTEM},
                "written": {"train": "data/training/questions.jsonl", **SYSTEM},
            },
        )
        run(folder, "dvc", "repro", "report", **warm)
    return folder


def lines(path: Path) -> list[dict]:
    return [record for _, record in read_json_lines(path)]


def test_what_the_endpoint_wrote_is_accepted_and_trained_on(project):
    accepted = lines(project / "data/accepted/questions.jsonl")
    assert {(item["question"], item["answer"]) for item in accepted} <= {
        (question, label == "true") for label, questions in QUESTIONS.items() for question in questions
    }
    learnt = lines(project / "data/training/questions.jsonl")
    assert [item["method"] for item in learnt if item.get("method")] == ["questions"] * len(learnt[8:])
    assert len(learnt) == 8 + 10


def test_systems_are_evaluated_beside_the_baselines_that_the_task_has(project):
    metrics = json.loads((project / "metrics.json").read_text(encoding="utf-8"))
    assert set(metrics) == {"gold", "written", "majority", "random", "methods", "labellers"}
    assert metrics["written"]["trained_on"] == {"real": 8, "written": 10}
    assert metrics["majority"]["micro_f1"]["mean"] == 0.5
    assert "20 test examples" in (project / "results/table.md").read_text(encoding="utf-8")


def test_an_llm_answers_test_questions_itself(project):
    scores = json.loads((project / "metrics.json").read_text(encoding="utf-8"))["labellers"]["llm_zero"]
    assert (scores["items"], scores["unparsed"]) == (6, 0)
    assert set(scores["beside"]) == {"gold", "written"}


def test_the_extractor_answers_new_questions(project):
    found = run(project, "relseed", "predict", "--extractor", "models/extractor/written", "Do fish sleep at night?")
    assert found.stdout.split()[0] in ("true", "false")


def test_no_name_of_a_folder_is_read_by_a_shell(project):
    assert not list(project.glob("**/pwned"))


def test_no_parameter_is_run_by_a_shell(checkout, warm, tmp_path):
    folder = copy(checkout, tmp_path / "checkout")
    value = "x; touch pwned; false"
    done = run(folder, "dvc", "exp", "run", "-S", f"encoder='{value}'", "encoder", check=False, **warm)
    assert f"encoder '{value}' could not be loaded" in done.stderr
    assert not list(folder.glob("**/pwned"))
