"""Having samples written: what is asked for, in which order, and what ends it."""

import asyncio
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from relseed.generation.answers import Answer
from relseed.generation.asking import Asking
from relseed.generation.writer import Generate, Writer
from relseed.llm.cache import Cache
from relseed.llm.client import Budget, Client, estimated_tokens
from relseed.llm.request import Completion, Message, Request, UnansweredError
from relseed.llm.teacher import Teacher
from relseed.pipeline.errors import UserError
from relseed.records.files import write_records
from relseed.tasks.relation import Example, Schema
from relseed.tasks.relation.rules import Checks, Judge
from relseed.tasks.relation.tags import tagged, untag
from relseed.tasks.relation.written import Accepted
from stages import generate
from tests.graph import ROOT

LABELS = ("owns", "rows_to", "none")
SCHEMA = Schema.model_validate(
    {"relations": [{"relation": name, "definition": f"is {name}", "negative": name == "none"} for name in LABELS]}
)
TEXTS = [(name, f"<e1>Marit</e1> {name} <e2>Sula</e2> for all we ever heard {n}") for name in LABELS for n in range(5)]
SEEDS = [Example(**dict(untag(text)) | {"id": text, "relation": name}) for name, text in TEXTS]
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
TEACHER = Teacher(**PARAMS["teacher"])
COUNTS = {"per_relation": 6, "at_most": 2, "samples": 4, "demonstrations": 8, "diversity": False, "sample_tokens": 20}
GENERATE = Generate(**COUNTS, negatives=("co_occurrence", "hard"))
CHECKS = Checks(shortest=3, longest=30, near_duplicate=0.9, language=None)
JUDGE = Judge(SCHEMA, CHECKS, SEEDS)
FREE = Budget(tokens=None, cost=None, prompt_price=None, completion_price=None)
BAD = "<e1>Marit</e1> <e2>Sula</e2>"  # too short

Script = Callable[[Request], str | Exception]
both_methods = pytest.mark.parametrize("method", ["all_at_once", "one_by_one"])


class Scripted:
    """An engine that answers as its script says, each request after as many turns of the loop as `slow` says."""

    name = "scripted"

    def __init__(self, script: Script, slow: Callable[[Request], int] = lambda _: 1) -> None:
        self.script, self.slow = script, slow
        self.asked: list[Request] = []
        self.together: list[Counter[str]] = [Counter()]  # requests in flight by relation, as each came

    async def complete(self, request: Request) -> Completion:
        self.asked.append(request)
        self.together.append(self.together[-1] + Counter([label(request)]))
        for _ in range(self.slow(request)):
            await asyncio.sleep(0)
        self.together.append(self.together[-1] - Counter([label(request)]))
        if isinstance(text := self.script(request), Exception):
            raise text
        used = {"prompt_tokens": 3, "completion_tokens": 2, "seconds": 0.5}
        return Completion(text=text, finish="stop", engine=self.name, model="m", **used)


def label(request: Request) -> str:
    return request.answer["properties"]["relation"]["enum"][0].replace(" ", "_")


def size(request: Request) -> int:
    return request.answer["properties"]["samples"]["minItems"]


def shown(request: Request) -> list[str]:
    return re.findall(r"^\d+\. (.*)$", request.messages[-1].content, re.MULTILINE)


def answer(*sentences: str) -> str:
    return json.dumps({"samples": [{"sentence": sentence} for sentence in sentences]})


def new(request: Request, count: int) -> list[str]:
    """Sentences that no other request gets."""
    digests = (hashlib.sha256(f"{request.key}/{number}".encode()).hexdigest() for number in range(count))
    words = ([digest[start : start + 6] for start in range(0, 30, 6)] for digest in digests)
    return [f"<e1>{head}</e1> and <e2>{tail}</e2> {' '.join(rest)}" for head, tail, *rest in words]


def mixed(request: Request, count: int) -> str:
    """`count` good samples, and bad ones for the rest."""
    return answer(*new(request, count), *[BAD] * (size(request) - count))


def good(request: Request) -> str:
    return mixed(request, size(request))


def in_turn(*counts: int) -> Script:
    """The n-th answer holds `counts[n]` good samples."""
    left = iter(counts)
    return lambda request: mixed(request, next(left))


def writer(method: str, name: str, teacher: Teacher = TEACHER, **changes: object) -> Writer:
    return Writer(method, method, SCHEMA.by_label[name], JUDGE, teacher, GENERATE.model_copy(update=changes))


def write(client: Client, *writers: Writer) -> list[list[Answer]]:
    async def within_time() -> list[list[Answer]]:
        asking = Asking(client, "write", 1)
        return await asyncio.wait_for(asking.all([one.write(asking) for one in writers]), 20)

    return asyncio.run(within_time())


def written(engine: Scripted, method: str, *names: str, **changes: object) -> list[list[Answer]]:
    return write(Client(engine, None, FREE), *(writer(method, name, **changes) for name in names))


@pytest.mark.parametrize(
    ("method", "accepted", "sizes"),
    [
        ("all_at_once", [4, 2], [4, 2]),
        ("all_at_once", [3, 0, 2, 1], [4, 2, 3, 1]),
        ("all_at_once", [9, 9], [4, 2]),
        ("one_by_one", [1, 0, 1, 1, 0, 1, 1, 1], [1] * 8),
    ],
)
def test_what_is_missing_is_asked_for_until_enough_are_accepted(method, accepted, sizes):
    engine = Scripted(in_turn(*accepted))
    written(engine, method, "owns")
    assert list(map(size, engine.asked)) == sizes


@both_methods
@pytest.mark.parametrize(("at_most", "bound"), [(1, 4), (1.5, 6)])
def test_a_relation_stays_short_once_the_bound_is_reached(method, at_most, bound):
    engine = Scripted(lambda request: mixed(request, 0))
    written(engine, method, "owns", per_relation=4, at_most=at_most)
    assert sum(map(size, engine.asked)) == bound


values = st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3))
pieces = st.lists(st.sampled_from(["<e1>", "</e1>", "<e2>", "</e2>", " Sula ", "row", '"']), max_size=12)
garbage = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    values.map(lambda samples: json.dumps({"samples": samples})),
    pieces.map(lambda parts: answer("".join(parts))),
)


@both_methods
@settings(max_examples=6)
@given(texts=st.lists(garbage, min_size=4, max_size=4))
@example(texts=[answer("<<e1>e1</e1>> went to <e2>Sula</e2> in May")] * 4)
def test_whatever_is_answered_the_writing_ends_and_keeps_every_answer(method, texts):
    engine = Scripted(lambda _: texts[len(engine.asked) % 4])
    [answers] = written(engine, method, "owns", per_relation=2, samples=1)
    assert sum(map(size, engine.asked)) <= 4
    assert all(one.drafts for one in answers)
    assert [one.request for one in answers] == engine.asked


def test_all_at_once_shows_the_seeds_of_the_relation_in_an_order_of_each_request_s_own():
    engine = Scripted(good)
    written(engine, "all_at_once", "owns", samples=1)
    assert {frozenset(shown(one)) for one in engine.asked} == {frozenset(map(tagged, SEEDS[:5]))}
    assert len({tuple(shown(one)) for one in engine.asked}) > 3


def test_the_orders_are_the_same_on_every_run_and_change_with_the_seed():
    engines = [Scripted(good) for _ in range(3)]
    for engine, seed in zip(engines, (1, 1, 2), strict=True):
        written(engine, "all_at_once", "owns", teacher=TEACHER.model_copy(update={"seed": seed}))
    first, again, other = (list(map(shown, engine.asked)) for engine in engines)
    assert first == again != other


@both_methods
def test_no_more_seeds_are_shown_than_allowed(method):
    engine = Scripted(good)
    written(engine, method, "rows_to", demonstrations=2)
    assert set(shown(engine.asked[0])) == {tagged(seed) for seed in SEEDS[5:7]}


def test_one_by_one_shows_the_seeds_and_all_that_was_accepted_so_far_and_nothing_rejected():
    engine = Scripted(in_turn(1, 0, 0, 1, 1, 0, 1, 1, 0, 1))
    [answers] = written(engine, "one_by_one", "owns")
    judge = Judge(SCHEMA, CHECKS, SEEDS)
    assert shown(engine.asked[0]) == [*map(tagged, SEEDS[:5])]
    for one, (before, after) in zip(answers, pairwise(engine.asked), strict=False):
        accepted = [each for each in map(judge.judge, one.drafts) if isinstance(each, Accepted)]
        assert shown(after) == [*shown(before), *map(tagged, accepted)]
    assert len(shown(engine.asked[-1])) == 10


@pytest.mark.parametrize(("method", "in_flight"), [("all_at_once", 3), ("one_by_one", 1)])
def test_relations_run_in_parallel_and_one_by_one_waits_for_each_answer(method, in_flight):
    engine = Scripted(good, slow=lambda _: 3)
    written(engine, method, *LABELS, per_relation=3, samples=1)
    assert max(engine.together, key=Counter.total) == dict.fromkeys(LABELS, in_flight)


@both_methods
def test_the_answers_do_not_depend_on_the_order_in_which_they_arrive(method):
    def run(slow: Callable[[Request], int]) -> list[list[Answer]]:
        engine = Scripted(lambda request: mixed(request, request.seed % (size(request) + 1)), slow)
        return written(engine, method, *LABELS[:2], per_relation=3, samples=2)

    answers = run(lambda request: request.seed % 7)
    assert answers == run(lambda request: 7 - request.seed % 7)
    for name, each in zip(LABELS[:2], answers, strict=True):
        assert [one.id for one in each] == [f"{method}/{name}/{number}" for number in range(len(each))]


def test_the_answers_hold_no_seconds():
    [answers] = written(Scripted(good), "all_at_once", "owns")
    assert {one.completion.seconds for one in answers} == {None}


def test_the_kinds_of_negative_samples_take_turns():
    engine = Scripted(good)
    written(engine, "one_by_one", "none")
    together, close = "The two mentions occur together", "It comes close to one of the relations"
    found = [[words for words in (together, close) if words in one.messages[-1].content] for one in engine.asked]
    assert found == [[together], [close]] * 3


@pytest.mark.parametrize(("negatives", "names"), [(["hard"], ["owns", "rows to", "none"]), ([], ["owns", "rows to"])])
def test_negative_samples_are_asked_for_only_where_they_are_wanted(tmp_path, monkeypatch, negatives, names):
    params = PARAMS | {"generate": PARAMS["generate"] | {"negatives": negatives}}
    assert stage_asks_for(tmp_path, monkeypatch, params, SEEDS) == names


def stage_asks_for(tmp_path, monkeypatch, params: dict, seeds: list[Example]) -> list[str]:
    """The relations of the requests that the stage exports, as none has an answer."""
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    write_records(tmp_path / "relations.jsonl", SCHEMA.relations)
    write_records(tmp_path / "seeds.jsonl", seeds)
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="has no answer"):
        generate.main("one_by_one", Path("relations.jsonl"), Path("seeds.jsonl"), Path("candidates.jsonl"))
    exported = Path(".scratch/batch/generate-one_by_one.jsonl").read_text(encoding="utf-8")
    return re.findall(r'"relation": {"enum": \["(.*?)"\]}', exported)


def test_a_relation_without_seeds_is_said_and_nothing_is_asked_of_it(tmp_path, monkeypatch, capsys):
    assert stage_asks_for(tmp_path, monkeypatch, PARAMS, [seed for seed in SEEDS if seed.relation != "none"]) == [
        "owns",
        "rows to",
    ]
    assert "no samples of none are asked for: it has no seeds to show" in capsys.readouterr().out


@both_methods
def test_a_seed_that_holds_a_tag_is_an_error_that_names_it(method):
    bad = SEEDS[0].model_copy(update={"id": "boats-7", "text": "Marit owns Sula </e1> still"})
    with pytest.raises(UserError, match="seed boats-7 cannot be shown to an LLM: the text itself holds </e1>"):
        Writer(method, method, SCHEMA.by_label["owns"], Judge(SCHEMA, CHECKS, [bad]), TEACHER, GENERATE)


def test_types_that_only_seeds_have_may_be_used_where_a_relation_names_none():
    seeds = [one.model_copy(update={"tail": one.tail.model_copy(update={"type": "BOAT"})}) for one in SEEDS]
    asked = Writer("one_by_one", "one_by_one", SCHEMA.by_label["owns"], Judge(SCHEMA, CHECKS, seeds), TEACHER, GENERATE)
    engine = Scripted(good)
    write(Client(engine, None, FREE), asked)
    assert engine.asked[0].answer["properties"]["samples"]["items"]["properties"]["tail_type"] == {"enum": ["BOAT"]}


def test_answers_are_held_to_no_schema_where_the_endpoint_takes_none():
    free = TEACHER.model_copy(update={"constrained": False})
    request = free.request("a", (Message(role="user", content="Write."),), {"type": "string"}, 9)
    assert request.answer is None
    assert "response_format" not in request.body()
    assert request.key != TEACHER.request("a", request.messages, {"type": "string"}, 9).key


@both_methods
def test_a_refused_request_is_an_answer_with_its_refusal_and_the_writing_goes_on(method):
    refused = UnansweredError("refused", "not that")
    engine = Scripted(lambda one: refused if one is engine.asked[0] else good(one))
    [answers] = written(engine, method, "owns")
    assert (answers[0].completion, answers[0].refusal, answers[0].drafts) == (None, "refused: not that", ())
    assert sum(len(one.drafts) for one in answers) == GENERATE.per_relation


@both_methods
def test_where_everything_is_refused_the_run_fails_and_says_why(method):
    with pytest.raises(UserError, match=r"requests were refused, the first with: refused: not that\. No other was"):
        written(Scripted(lambda _: UnansweredError("refused", "not that")), method, "owns")


def test_some_refusals_are_said_and_the_run_goes_on(capsys):
    refused = UnansweredError("refused", "not that")
    engine = Scripted(lambda one: refused if label(one) == "owns" else good(one))
    written(engine, "one_by_one", *LABELS)
    assert "12 requests were refused, the first with: refused: not that" in capsys.readouterr().out


@pytest.mark.parametrize(("method", "tried", "whole"), [("all_at_once", 2, 2), ("one_by_one", 1, 6)])
def test_unanswered_requests_stop_their_relations_and_the_others_run_to_their_end(method, tried, whole):
    troubles = {"owns": UnansweredError("timeout", "no answer"), "none": UnansweredError("connection", "cut")}
    engine = Scripted(lambda one: troubles.get(label(one)) or good(one))
    with pytest.raises(UserError, match=rf"timeout \({tried}\), connection \({tried}\)\. {whole} new answers are kept"):
        written(engine, method, *LABELS)
    assert Counter(map(label, engine.asked)) == {"owns": tried, "rows_to": whole, "none": tried}


def test_what_stopped_a_run_is_told_with_the_first_message_of_each_reason():
    cut = UnansweredError("connection", "http://localhost:8000/v1: refused")
    with pytest.raises(UserError) as caught:
        written(Scripted(lambda _: cut), "one_by_one", "owns")
    assert str(caught.value).endswith("\n  connection: connection: http://localhost:8000/v1: refused")


def test_a_spent_budget_says_what_is_kept_and_a_larger_one_goes_on_from_there(tmp_path):
    cache, first, second = Cache(tmp_path / "cache.db"), Scripted(good), Scripted(good)
    enough_for_some = writer("one_by_one", "owns").expected().prompt_tokens // 6 + 50
    with pytest.raises(UserError, match=r"budget: .* tokens are spent") as caught:
        write(Client(first, cache, FREE.model_copy(update={"tokens": enough_for_some})), writer("one_by_one", "owns"))
    assert 0 < len(first.asked) < GENERATE.per_relation
    assert f"{len(first.asked)} new answers are kept, 0 were there before; run the stage again" in str(caught.value)
    write(Client(second, cache, FREE), writer("one_by_one", "owns"))
    assert len(first.asked) + len(second.asked) == GENERATE.per_relation


@both_methods
def test_an_error_that_a_person_must_mend_ends_everything_at_once(method):
    engine = Scripted(lambda _: UserError("the key is wrong"), slow=lambda one: 2 if label(one) == "owns" else 9999)
    with pytest.raises(UserError, match="the key is wrong"):
        written(engine, method, *LABELS)
    assert set(engine.together[-1]) >= {"rows_to", "none"}


@both_methods
@pytest.mark.parametrize("name", ["owns", "none"])
def test_what_is_expected_is_what_a_run_asks_that_rejects_nothing(method, name):
    engine = Scripted(good)
    written(engine, method, name)
    expected = writer(method, name).expected()
    about = 0 if method == "all_at_once" else 0.02  # the length of what will be written is not known
    assert expected.requests == len(engine.asked)
    assert expected.prompt_tokens == pytest.approx(sum(map(estimated_tokens, engine.asked)), rel=about)
    assert expected.completion_tokens == sum(request.max_tokens for request in engine.asked)
