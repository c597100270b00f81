"""Having seeds explained: how often each is asked about, and what the stage writes of it."""

import asyncio
import json
from pathlib import Path

import pytest
import yaml

from relseed.explanations.explain import Attempts, Explain, explain, first_requests
from relseed.explanations.explanation import Explanation
from relseed.explanations.prompt import ExplanationPrompt
from relseed.generation.exchanges import Exchange
from relseed.llm.client import Client
from relseed.llm.llm import LLM
from relseed.llm.request import Request, RequestFailedError
from relseed.pipeline.errors import UserError
from relseed.records.candidates import Rejected
from relseed.records.files import read_records, write_records
from stages import explain as stage
from tests.boats import SCHEMA, SEEDS
from tests.hostile import responds, serving
from tests.methods import PARAMS, TEACHER
from tests.scripted import FREE, UNLIMITED, Scripted

GOOD = json.dumps(
    {"trigger": "keeps", "explanation": "Who keeps a boat such as the Petrel, as Marit Ness does, owns it."}
)
BAD = json.dumps({"trigger": "keeps", "explanation": "She owns it."})
SETTINGS = Explain(llm="teacher", reads=Path("recorded.jsonl"), attempts=3, max_tokens=50)


def explained(engine: Scripted, seeds: int = 1) -> list[Attempts]:
    prompts = [ExplanationPrompt(SCHEMA, seed) for seed in SEEDS[:seeds]]
    return asyncio.run(explain(prompts, SETTINGS, TEACHER, Client(engine, None, UNLIMITED, FREE)))


def in_turn(*texts: str | Exception) -> Scripted:
    left = iter(texts)
    return Scripted(lambda _: next(left))


@pytest.mark.parametrize(
    ("texts", "rules"),
    [
        ([GOOD], [None]),
        ([BAD, GOOD], ["mention_missing", None]),
        ([BAD, "no JSON", BAD], ["mention_missing", "unparseable", "mention_missing"]),
    ],
    ids=["passes at once", "passes at last", "never passes"],
)
def test_a_seed_is_asked_about_until_an_explanation_passes_or_the_attempts_are_used_up(texts, rules):
    engine = in_turn(*texts)
    [attempts] = explained(engine)
    assert len(engine.requests) == len(texts)
    assert [outcome.rule if isinstance(outcome, Rejected) else None for outcome in attempts.outcomes] == rules


def test_each_attempt_asks_the_same_with_another_random_seed_under_an_id_of_its_own():
    engine = in_turn(BAD, BAD, BAD)
    [attempts] = explained(engine)
    assert [exchange.id for exchange in attempts.exchanges] == [f"explain/boats-1/{number}" for number in range(3)]
    assert len({request.messages for request in engine.requests}) == 1
    assert len({request.seed for request in engine.requests}) == 3


def test_a_refusal_is_an_exchange_without_an_outcome_and_the_next_attempt_follows():
    [attempts] = explained(in_turn(RequestFailedError("refused", "not that"), GOOD))
    refused, answered = attempts.exchanges
    assert (refused.response, refused.refusal) == (None, "refused: not that")
    assert [type(outcome) for outcome in attempts.outcomes] == [Explanation]
    assert answered.response.text == GOOD


def test_the_adapter_of_its_relation_explains_a_seed_and_its_weights_are_part_of_the_request(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_text(name, encoding="utf-8")
    (tmp_path / "adapters.json").write_text('{"by_label": {"no_relation": "a", "owner_of": "b"}}', encoding="utf-8")
    llm = LLM(**PARAMS["llms"]["teacher"] | {"adapters": str(tmp_path)})
    [request] = first_requests([ExplanationPrompt(SCHEMA, SEEDS[0])], SETTINGS, llm)
    assert (request.adapter, request.revision) == ("b", llm.weights_digest)
    assert request.revision is not None


def test_seeds_are_explained_side_by_side_in_their_order():
    def script(request: Request) -> str:
        return GOOD if "Marit" in request.messages[0].content else BAD

    engine = Scripted(script, turns=lambda request: 9 if "Marit" in request.messages[0].content else 1)
    first, second = explained(engine, seeds=2)
    assert len(engine.most_in_flight) == 2
    assert (first.outcomes[0].seed, len(second.outcomes)) == ("boats-1", 3)


def test_a_failed_request_stops_its_seed_and_the_run_says_why():
    with pytest.raises(UserError, match=r"timeout \(1\)\. 0 new responses are kept"):
        explained(in_turn(RequestFailedError("timeout", "nothing came")))


def test_the_stage_writes_explanations_rejected_ones_and_every_exchange(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    write_records(Path("labels.jsonl"), SCHEMA.relations)
    write_records(Path("seeds.jsonl"), SEEDS[:1])
    outputs = {name: Path(f"{name}.jsonl") for name in ("explanations", "rejected", "candidates")}
    with serving(responds(BAD), responds(GOOD)) as server:
        llms = {"teacher": PARAMS["llms"]["teacher"] | {"engine": "openai"}}
        changes = {"llms": llms, "engines": PARAMS["engines"] | {"openai": {"url": server.url}}}
        Path("params.yaml").write_text(yaml.safe_dump(PARAMS | changes), encoding="utf-8")
        stage.main(labels=Path("labels.jsonl"), seeds=Path("seeds.jsonl"), **outputs)
    [explanation] = [record for _, record in read_records(outputs["explanations"], Explanation)]
    [rejected] = [record for _, record in read_records(outputs["rejected"], Rejected)]
    exchanges = [record for _, record in read_records(outputs["candidates"], Exchange)]
    assert (explanation.id, explanation.seed, explanation.trigger) == ("explain/boats-1/1", "boats-1", "keeps")
    assert (rejected.candidate.id, rejected.rule) == ("explain/boats-1/0", "mention_missing")
    assert [exchange.response.text for exchange in exchanges] == [BAD, GOOD]


def test_a_task_without_relations_is_told_what_to_run_instead(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(yaml.safe_dump(PARAMS | {"task": "yes_no"}), encoding="utf-8")
    nothing = dict.fromkeys(("labels", "seeds", "explanations", "rejected", "candidates"), Path("none"))
    with pytest.raises(UserError, match="the task is yes_no: run `dvc repro report`"):
        stage.main(**nothing)
