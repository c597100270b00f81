"""The whole life of one candidate, traced through the files that the stages leave."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from relseed import cli
from relseed.explanations.explanation import Explanation
from relseed.explanations.prompt import ExplanationPrompt
from relseed.generation.exchanges import Exchange
from relseed.llm.llm import LLM
from relseed.llm.request import Response
from relseed.pipeline.errors import UserError
from relseed.quality.rules import RuleFilter, RuleSettings
from relseed.records.candidates import Rejected
from relseed.records.files import DataError, write_json_lines, write_records
from relseed.records.reviews import Decision
from relseed.report.trace import trace
from relseed.tasks.relation import TASK, Example, Schema
from relseed.tasks.relation.prompt import SentencePrompt
from relseed.tasks.relation.tags import untag
from relseed.tasks.task import Ask
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
SEED = Example(**dict(untag("<e1>Marit</e1> has the <e2>Sula</e2> now")) | {"id": "boats-7", "relation": "owns"})
RULES = RuleSettings(min_words=4, max_words=30, near_duplicate=0.9, near_duplicate_masked=None, language=None)
WRITER = LLM(
    engine="batch",
    model="oar",
    revision="abc1",
    form="chat",
    structured_output=True,
    temperature=0.5,
    top_p=0.75,
    licence="CC0",
    seed=1,
)
GOOD = [f"Since spring the <e2>Otra</e2> belongs to <e1>Ola {number}</e1>" for number in range(11)]
SHORT = "<e1>Ola</e1> owns <e2>Otra</e2>"


def response(text: str, tokens: int | None = 5) -> Response:
    counts = {"prompt_tokens": 7, "completion_tokens": tokens, "seconds": None}
    return Response(text=text, finish="stop", engine="batch", model="oar-1", **counts)


def written(method: str, number: int, answered: Response, llm: LLM = WRITER) -> Exchange:
    """A request for sentences with its response, as `generate` keeps it."""
    asked = {"count": 1, "rules": RULES, "seeds": [SEED], "diversity_instruction": True, "characters": None}
    prompt = SentencePrompt.of(Ask(method=method, loop=method, schema=SCHEMA, label="owns", kind=None, **asked))
    id = f"{method}/owns/{number}"
    request = llm.request(id, prompt.messages([TASK.show(SEED)]), prompt.response_schema(), 90)
    candidates = tuple(prompt.parse(id, answered.text, truncated=answered.truncated))
    return Exchange(id=id, request=request, response=answered, candidates=candidates)


def declined(method: str, number: int) -> Exchange:
    """A request for sentences that the provider declined."""
    asked = written(method, number, response(""))
    return asked.model_copy(update={"response": None, "refusal": "refused: not that", "candidates": ()})


def explained(number: int, trigger: str, text: str) -> Exchange:
    """A request to explain the seed with its response, as `explain` keeps it."""
    prompt, id = ExplanationPrompt(SCHEMA, SEED), f"explain/boats-7/{number}"
    answered = response(json.dumps({"trigger": trigger, "explanation": text}))
    return Exchange(
        id=id,
        request=WRITER.request(id, prompt.messages(), prompt.response_schema(), 90),
        response=answered,
        candidates=tuple(prompt.parse(id, answered.text, truncated=False)),
    )


def samples(*sentences: str) -> str:
    types = {"head_type": "PERSON", "tail_type": "BOAT"}
    return json.dumps({"samples": [{"sentence": sentence} | types for sentence in sentences]})


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """What a pipeline leaves of one method that was filtered, one that was not yet, and of explanations."""
    folder = tmp_path_factory.mktemp("project") / "data"
    exchanges = [
        written("all_at_once", 0, response(samples(*GOOD, SHORT))),
        written("all_at_once", 1, response("No, thanks.")),
        declined("all_at_once", 2),
    ]
    rules = RuleFilter(TASK.rules(SCHEMA, [SEED], RULES), RULES, [SEED])
    accepted, rejected = rules.apply_all(candidate for exchange in exchanges for candidate in exchange.candidates)
    write_records(folder / "candidates/all_at_once.jsonl", exchanges)
    write_records(folder / "accepted/all_at_once.jsonl", accepted)
    write_records(folder / "rejected/all_at_once.jsonl", rejected)
    write_records(folder / "training/crew.jsonl", accepted[1:])
    scores = [{"score": 0.625, "example": example.model_dump(exclude_unset=True)} for example in accepted]
    write_json_lines(folder / "scores/accuracy.jsonl", [scores[0], scores[1] | {"note": "rather none"}])
    write_records(folder / "candidates/one_by_one.jsonl", [written("one_by_one", 0, response(samples(GOOD[0]), None))])
    write_explanations(folder)
    return folder


def write_explanations(folder: Path) -> None:
    asked = [explained(0, "has", "Marit is a sailor."), explained(1, "has", "That Marit has the Sula makes it hers.")]
    prompt = ExplanationPrompt(SCHEMA, SEED)
    outcomes = [prompt.apply_rules(candidate) for exchange in asked for candidate in exchange.candidates]
    write_records(folder / "candidates/explain.jsonl", asked)
    rejected = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
    write_records(folder / "explanations_rejected.jsonl", rejected)
    explanations = [outcome for outcome in outcomes if isinstance(outcome, Explanation)]
    write_records(folder / "explanations.jsonl", explanations)


@pytest.fixture
def tell(data: Path) -> Callable[[str], str]:
    """What is told of an id."""
    return lambda id: trace(id, data)


def test_an_accepted_candidate_is_told_with_each_file_that_holds_it(tell, data):
    homes = f"{data}/accepted/all_at_once.jsonl, line 3; {data}/training/crew.jsonl, line 2"
    assert tell("all_at_once/owns/0/2").endswith(
        f"\n--- candidate all_at_once/owns/0/2\n{GOOD[2]}\nlabel owns\nhead_type PERSON, tail_type BOAT\n"
        f"\n--- rules\npassed all; in {homes}"
    )


def test_an_accepted_candidate_is_told_with_what_each_criterion_says_of_it(tell):
    assert tell("all_at_once/owns/0/0").endswith("line 1\n\n--- scores\naccuracy 0.62")
    assert tell("all_at_once/owns/0/1").endswith("line 1\n\n--- scores\naccuracy 0.62 (rather none)")


def test_a_candidate_that_no_training_set_took_is_told_with_its_method_alone(tell, data):
    assert f"passed all; in {data}/accepted/all_at_once.jsonl, line 1\n" in tell("all_at_once/owns/0/0")


@pytest.mark.parametrize(
    ("id", "says"),
    [
        ("all_at_once/owns/0/11", f"{SHORT}\nlabel owns\nhead_type PERSON, tail_type BOAT\n\n--- rules\n"),
        ("all_at_once/owns/0/11", "rejected by length: 3 words, not 4 to 30"),
        ("all_at_once/owns/1/0", "rejected by unparseable: the response holds no JSON object"),
        ("explain/boats-7/0", "rejected by mention_missing: the explanation does not mention the tail 'Sula'"),
    ],
)
def test_a_rejected_candidate_is_told_with_the_rule_that_rejected_it_and_why(tell, id, says):
    assert says in tell(id)


def test_what_could_not_be_read_is_shown_as_it_came(tell):
    assert "\n--- candidate all_at_once/owns/1/0\nNo, thanks.\nlabel owns\n\n--- rules" in tell("owns/1/0")


def test_an_explanation_is_told_with_its_line(tell, data):
    told = tell("explain/boats-7/1")
    assert "That Marit has the Sula makes it hers." in told
    assert told.endswith(f"passed all; in {data}/explanations.jsonl, line 1")


def test_a_candidate_to_which_no_rule_was_applied_yet_says_how_to_have_them_applied(tell):
    assert tell("one_by_one/owns/0/0").endswith(
        "--- rules\nnot applied: list one_by_one under `methods`, and run `dvc repro filter@one_by_one`"
    )


def test_the_prompt_is_told_message_by_message_as_it_was_sent(tell):
    system, user = written("all_at_once", 0, response("")).request.messages
    assert tell("all_at_once/owns/0/2").startswith(f"\n--- system\n{system.content}\n\n--- user\n{user.content}\n")


def test_the_request_is_told_with_its_key_and_all_that_it_was_sent_with(tell):
    request = written("all_at_once", 0, response("")).request
    assert (
        f"\n--- request\nall_at_once/owns/0, key {request.key}\nmodel oar at abc1, temperature 0.5, top_p 0.75, "
        f"at most 90 tokens, seed {request.seed}\n"
    ) in tell("all_at_once/owns/0/2")


def test_the_request_is_told_with_the_adapter_that_answered_it(tmp_path):
    adapted = WRITER.model_copy(update={"adapter": "sailor"})
    write_records(tmp_path / "candidates/tuned.jsonl", [written("one_by_one", 0, response("No."), adapted)])
    assert "model oar at abc1, adapter sailor, temperature 0.5" in trace("owns/0/0", tmp_path)


@pytest.mark.parametrize(
    ("id", "tokens"), [("all_at_once/owns/1/0", "7 + 5 tokens"), ("one_by_one/owns/0/0", "tokens not counted")]
)
def test_the_response_is_told_verbatim_with_what_it_took(tell, id, tokens):
    text = "No, thanks." if id.startswith("all") else samples(GOOD[0])
    assert f"\n--- response\n{text}\n(oar-1, engine batch, finished: stop, {tokens})\n" in tell(id)


def test_a_declined_request_is_told_with_its_prompt_and_its_refusal_and_nothing_after(tell):
    told = tell("all_at_once/owns/2")
    assert "\n--- user\n" in told
    assert told.endswith("\n--- response\nnone: refused: not that")


def test_a_part_of_an_id_is_enough_where_it_is_unique(tell):
    assert tell("owns/0/11") == tell("all_at_once/owns/0/11")


def test_a_whole_id_is_meant_even_where_it_is_a_part_of_others(tell):
    assert f"\n--- candidate all_at_once/owns/0/1\n{GOOD[1]}\n" in tell("all_at_once/owns/0/1")


def test_an_unknown_id_is_an_error_that_shows_what_ids_are_like(tell):
    with pytest.raises(UserError, match="no candidate has an id with 'two_by_two': ids are like all_at_once/"):
        tell("two_by_two")


def test_where_no_candidates_are_the_error_says_how_to_get_them(tmp_path):
    with pytest.raises(UserError, match="candidates holds nothing: `dvc repro filter`, or pull it"):
        trace("owns/0/1", tmp_path)


def test_an_ambiguous_id_is_an_error_that_counts_and_shows_some(tell):
    with pytest.raises(UserError) as caught:
        tell("all_at_once/owns")
    some = ", ".join(f"all_at_once/owns/0/{number}" for number in range(10))
    assert str(caught.value) == f"14 candidates have an id with 'all_at_once/owns' (such as {some}): give more of it"


def test_a_line_that_is_no_exchange_is_an_error_with_file_and_line(tmp_path):
    path = tmp_path / "candidates/all_at_once.jsonl"
    write_records(path, [written("all_at_once", 0, response(samples(*GOOD)))])
    with path.open("a", encoding="utf-8") as file:
        file.write('{"id": "x"}\n')
    with pytest.raises(DataError, match=rf"^{path}:2: request: Field required"):
        trace("owns/0/1", tmp_path)


def test_the_command_prints_it(data, capsys, tell):
    cli.trace("owns/0/11", data)
    assert capsys.readouterr().out == tell("owns/0/11") + "\n"


@pytest.mark.parametrize("elsewhere", [False, True])
def test_the_command_looks_into_data_or_into_the_folder_that_it_is_given(data, tmp_path, elsewhere):
    where, option = (tmp_path, ["--data", str(data)]) if elsewhere else (data.parent, [])
    command = [sys.executable, "-m", "relseed.cli", "trace", "owns/0/11", *option]
    done = subprocess.run(
        command, cwd=where, env=ENVIRONMENT | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "rejected by length" in done.stdout


def test_a_candidate_that_a_person_reviewed_is_told_with_the_decision_and_the_note(data, tmp_path):
    copied = Path(shutil.copytree(data, tmp_path / "data"))
    others = {"label": None, "hash": "sha256:0"}
    decided = [
        Decision(id="all_at_once/owns/0/2", decision="drop", note="too stiff", **others),
        Decision(id="all_at_once/owns/0/3", decision="keep", note="", **others),
    ]
    write_records(copied / "reviews/all_at_once.jsonl", decided)
    assert trace("all_at_once/owns/0/2", copied).endswith("\n\n--- review\ndrop (too stiff)")
    assert trace("all_at_once/owns/0/3", copied).endswith("\n\n--- review\nkeep")
    assert "--- review" not in trace("all_at_once/owns/0/4", copied)
