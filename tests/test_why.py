"""The whole life of one written sentence, told from the files that the stages leave."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from relseed import cli
from relseed.generation.answers import Answer
from relseed.llm.request import Completion
from relseed.llm.teacher import Teacher
from relseed.pipeline.errors import UserError
from relseed.records.files import DataError, write_records
from relseed.tasks.relation import Example, Schema
from relseed.tasks.relation.explanation import Explaining
from relseed.tasks.relation.rules import Checks, Judge
from relseed.tasks.relation.samples import Samples
from relseed.tasks.relation.tags import tagged, untag
from relseed.tasks.relation.written import Accepted, Explanation, Rejected
from tests.conftest import ENVIRONMENT
from tests.graph import ROOT

SCHEMA = Schema.model_validate(
    {
        "relations": [
            {"relation": "owns", "head_type": "PERSON", "tail_type": "BOAT", "definition": "the head owns the tail"},
            {"relation": "none", "definition": "neither", "negative": True},
        ]
    }
)
OWNS = SCHEMA.relations[0]
TYPES = ("PERSON", "BOAT")
SEED = Example(**dict(untag("<e1>Marit</e1> has the <e2>Sula</e2> now")) | {"id": "boats-7", "relation": "owns"})
CHECKS = Checks(shortest=4, longest=30, near_duplicate=0.9, language=None)
TEACHER = Teacher(
    engine="batch",
    model="oar",
    revision="abc1",
    adapter=None,
    constrained=True,
    temperature=0.5,
    top_p=0.75,
    licence="CC0",
    seed=1,
)
GOOD = [f"Since spring the <e2>Otra</e2> belongs to <e1>Ola {number}</e1>" for number in range(11)]
SHORT = "<e1>Ola</e1> owns <e2>Otra</e2>"


def completed(text: str, tokens: int | None = 5) -> Completion:
    counts = {"prompt_tokens": 7, "completion_tokens": tokens, "seconds": None}
    return Completion(text=text, finish="stop", engine="batch", model="oar-1", **counts)


def written(method: str, number: int, completion: Completion) -> Answer:
    """A request for samples with its answer, as `generate` keeps it."""
    samples = Samples(method, method, SCHEMA, OWNS, "stated", 1, 4, 30, TYPES, diversity=True)
    id = f"{method}/owns/{number}"
    request = TEACHER.request(id, samples.messages([tagged(SEED)]), samples.answer(), 90)
    drafts = tuple(samples.parse(id, completion.text, truncated=completion.truncated))
    return Answer(id=id, request=request, completion=completion, drafts=drafts)


def refused(method: str, number: int) -> Answer:
    """A request for samples that the engine refused."""
    asked = written(method, number, completed(""))
    return asked.model_copy(update={"completion": None, "refusal": "refused: not that", "drafts": ()})


def explained(number: int, trigger: str, text: str) -> Answer:
    """A request to explain the seed with its answer, as `explain` keeps it."""
    asked, id = Explaining(SCHEMA, SEED), f"explain/boats-7/{number}"
    completion = completed(json.dumps({"trigger": trigger, "explanation": text}))
    drafts = tuple(asked.parse(id, completion.text, truncated=False))
    return Answer(
        id=id, request=TEACHER.request(id, asked.messages(), asked.answer(), 90), completion=completion, drafts=drafts
    )


def samples(*sentences: str) -> str:
    types = {"head_type": "PERSON", "tail_type": "BOAT"}
    return json.dumps({"samples": [{"sentence": sentence} | types for sentence in sentences]})


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """What a pipeline leaves of one method that was filtered, one that was not yet, and of explanations."""
    folder = tmp_path_factory.mktemp("project") / "data"
    answers = [
        written("all_at_once", 0, completed(samples(*GOOD, SHORT))),
        written("all_at_once", 1, completed("No, thanks.")),
        refused("all_at_once", 2),
    ]
    judged = [*map(Judge(SCHEMA, CHECKS, [SEED]).judge, (draft for one in answers for draft in one.drafts))]
    accepted = [one for one in judged if isinstance(one, Accepted)]
    write_records(folder / "candidates/all_at_once.jsonl", answers)
    write_records(folder / "accepted/all_at_once.jsonl", accepted)
    write_records(folder / "rejected/all_at_once.jsonl", [one for one in judged if isinstance(one, Rejected)])
    write_records(folder / "synthetic/crew.jsonl", accepted[1:])
    write_records(folder / "candidates/one_by_one.jsonl", [written("one_by_one", 0, completed(samples(GOOD[0]), None))])
    told = [explained(0, "has", "Marit is a sailor."), explained(1, "has", "That Marit has the Sula makes it hers.")]
    outcomes = [Explaining(SCHEMA, SEED).judge(draft) for one in told for draft in one.drafts]
    write_records(folder / "candidates/explain.jsonl", told)
    write_records(folder / "unexplained.jsonl", [one for one in outcomes if isinstance(one, Rejected)])
    write_records(folder / "explanations.jsonl", [one for one in outcomes if isinstance(one, Explanation)])
    return folder


@pytest.fixture
def tell(data, capsys):
    """What is told of an id."""

    def call(id: str) -> str:
        cli.trace(id, data)
        return capsys.readouterr().out

    return call


def test_an_accepted_sentence_is_told_with_each_set_that_holds_it(tell, data):
    homes = f"{data}/accepted/all_at_once.jsonl, line 3; {data}/synthetic/crew.jsonl, line 2"
    assert tell("all_at_once/owns/0/2").endswith(
        f"\n--- sentence all_at_once/owns/0/2\n{GOOD[2]}\nrelation owns, PERSON -> BOAT\n"
        f"\n--- checks\npassed all; in {homes}\n"
    )


def test_a_sentence_that_no_system_took_is_told_with_its_pool_alone(tell, data):
    assert tell("all_at_once/owns/0/0").endswith(f"passed all; in {data}/accepted/all_at_once.jsonl, line 1\n")


@pytest.mark.parametrize(
    ("id", "says"),
    [
        ("all_at_once/owns/0/11", f"{SHORT}\nrelation owns, PERSON -> BOAT\n\n--- checks\nrejected by length: 3 words"),
        ("all_at_once/owns/1/0", "rejected by unparseable: the answer holds no JSON object"),
        ("explain/boats-7/0", "rejected by mention_missing: the explanation does not mention the tail 'Sula'"),
    ],
)
def test_a_rejected_one_is_told_with_the_check_that_it_failed_and_why(tell, id, says):
    assert says in tell(id)


def test_what_could_not_be_read_is_shown_as_it_came(tell):
    assert "\n--- sentence all_at_once/owns/1/0\nNo, thanks.\nrelation owns, no type -> no type\n" in tell("owns/1/0")


def test_an_explanation_is_told_with_its_line(tell, data):
    told = tell("explain/boats-7/1")
    assert "That Marit has the Sula makes it hers." in told
    assert told.endswith(f"passed all; in {data}/explanations.jsonl, line 1\n")


def test_a_sentence_that_was_not_checked_yet_says_how_to_have_it_checked(tell):
    assert tell("one_by_one/owns/0/0").endswith(
        "--- checks\nnot checked: list one_by_one under methods or writers, and run `dvc repro`\n"
    )


def test_the_prompt_is_told_message_by_message_as_it_was_asked(tell):
    system, user = written("all_at_once", 0, completed("")).request.messages
    assert tell("all_at_once/owns/0/2").startswith(f"\n--- system\n{system.content}\n\n--- user\n{user.content}\n")


def test_the_request_is_told_with_its_key_and_all_that_it_was_asked_with(tell):
    request = written("all_at_once", 0, completed("")).request
    assert (
        f"\n--- request\nall_at_once/owns/0, key {request.key}\nmodel oar at abc1, temperature 0.5, top_p 0.75, "
        f"at most 90 tokens, seed {request.seed}\n"
    ) in tell("all_at_once/owns/0/2")


@pytest.mark.parametrize(
    ("id", "tokens"), [("all_at_once/owns/1/0", "7 + 5 tokens"), ("one_by_one/owns/0/0", "tokens not counted")]
)
def test_the_completion_is_told_verbatim_with_what_it_took(tell, id, tokens):
    text = "No, thanks." if id.startswith("all") else samples(GOOD[0])
    assert f"\n--- completion\n{text}\n(oar-1, engine batch, finished: stop, {tokens})\n" in tell(id)


def test_a_refused_request_is_told_with_its_prompt_and_its_refusal_and_nothing_after(tell):
    told = tell("all_at_once/owns/2")
    assert "\n--- user\n" in told
    assert told.endswith("\n--- completion\nnone: refused: not that\n")


def test_a_part_of_an_id_is_enough_where_it_is_unique(tell):
    assert tell("owns/0/11") == tell("all_at_once/owns/0/11")


def test_a_whole_id_is_meant_even_where_it_is_a_part_of_others(tell):
    assert f"\n--- sentence all_at_once/owns/0/1\n{GOOD[1]}\n" in tell("all_at_once/owns/0/1")


def test_an_unknown_id_is_an_error_that_shows_what_ids_are_like(tell):
    with pytest.raises(UserError, match="no written sentence has an id with 'two_by_two': ids are like all_at_once/"):
        tell("two_by_two")


def test_where_no_answers_are_the_error_says_how_to_get_them(tmp_path):
    with pytest.raises(UserError, match="candidates holds no answers: `dvc repro filter`, or pull them"):
        cli.trace("owns/0/1", tmp_path)


def test_an_ambiguous_id_is_an_error_that_counts_and_shows_some(tell):
    with pytest.raises(UserError) as caught:
        tell("all_at_once/owns")
    some = ", ".join(f"all_at_once/owns/0/{number}" for number in range(10))
    assert str(caught.value) == f"14 sentences have an id with 'all_at_once/owns' (such as {some}): give more of it"


def test_a_line_that_is_no_answer_is_an_error_with_file_and_line(tmp_path):
    path = tmp_path / "candidates/all_at_once.jsonl"
    write_records(path, [written("all_at_once", 0, completed(samples(*GOOD)))])
    with path.open("a", encoding="utf-8") as file:
        file.write('{"id": "x"}\n')
    with pytest.raises(DataError, match=rf"^{path}:2: request: Field required"):
        cli.trace("owns/0/1", tmp_path)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_the_command_looks_into_data_or_into_the_folder_that_it_is_given(data, tmp_path, elsewhere):
    where, option = (tmp_path, ["--data", str(data)]) if elsewhere else (data.parent, [])
    command = [sys.executable, "-m", "relseed.cli", "trace", "owns/0/11", *option]
    done = subprocess.run(
        command, cwd=where, env=ENVIRONMENT | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "rejected by length" in done.stdout
