"""The written sentences that a system trains on: which are taken, what is missing, what their card says."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from relseed.generation.answers import Answer
from relseed.generation.mixture import hybrid, mixture
from relseed.generation.pool import pool_of, read_pool
from relseed.llm.client import Budget
from relseed.llm.request import Completion, Message, Request
from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import output_file
from relseed.records.files import DataError, read_records, write_records
from relseed.tasks.relation import Relation
from relseed.tasks.relation.rules import NAMES
from relseed.tasks.relation.tags import untag
from relseed.tasks.relation.written import Accepted, Draft, Rejected
from stages import select
from tests.graph import ROOT

PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
RELATIONS = [
    Relation(relation="owns", definition="the head owns the tail"),
    Relation(relation="rows", definition="the head rows the tail"),
    Relation(relation="none", definition="neither", negative=True),
]
TEACHER = {"model": "boatwright", "revision": None, "temperature": 0.5, "top_p": 0.75, "seed": 11, "licence": "CC0 1.0"}
ONE = {"methods": ["one_by_one"]}
FREE = Budget(tokens=None, cost=None, prompt_price=None, completion_price=None)
ARGUMENTS = ("accepted", "pools", "relations.jsonl", "crew.jsonl", "crew.md")


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    monkeypatch.chdir(tmp_path)


def set_params(**sections: Any) -> None:
    Path("params.yaml").write_text(yaml.safe_dump(PARAMS | sections), encoding="utf-8")


def accepted(relation: str, number: int, method: str = "all_at_once") -> Accepted:
    """A sentence that shares no word with those of another number."""
    sentence = dict(untag(f"Old{number} <e1>Marit{number}</e1> {relation}{number} <e2>Sula{number}</e2> {method}"))
    return Accepted(**sentence | {"id": f"{relation}/{number}", "relation": relation, "method": method})


def rejected(check: str) -> Rejected:
    draft = Draft(id="all_at_once/owns/0/9", method="all_at_once", relation="owns", text="?")
    return Rejected(draft=draft, check=check, reason="so")


def answer(relation: str, method: str = "all_at_once") -> Answer:
    messages = (Message(role="user", content="Write."),)
    request = Request(model="m", messages=messages, temperature=1, top_p=1, max_tokens=9, seed=1)
    uncounted = {"prompt_tokens": None, "completion_tokens": None, "seconds": None}
    completion = Completion(text="...", finish="stop", engine="batch", model="m", **uncounted)
    return Answer(id=f"{method}/{relation}/0", request=request, completion=completion)


def prepare(
    per_relation: int,
    *pool: Accepted,
    rejects: tuple[str, ...] = (),
    asked: tuple[str, ...] = ("owns", "rows", "none"),
    **teacher: Any,
) -> None:
    """The files that the stage reads, for a system `crew` that takes what all methods in `pool` wrote."""
    methods = list(dict.fromkeys(one.method for one in pool))
    mixtures = {"crew": {"methods": methods, "per_relation": per_relation}}
    set_params(mixtures=mixtures, teacher=PARAMS["teacher"] | TEACHER | teacher)
    write_records(Path("relations.jsonl"), RELATIONS)
    for method in methods:
        own = [one for one in pool if one.method == method]
        write_records(Path(f"accepted/{method}.jsonl"), own)
        answers = [answer(relation, method) for relation in asked]
        summary = pool_of(answers, own, [*map(rejected, rejects)], {}, {}, FREE)
        with output_file(Path(f"pools/{method}.json")) as partial:
            partial.write_text(summary.model_dump_json(), encoding="utf-8")


def run() -> None:
    select.main("crew", *map(Path, ARGUMENTS))


def chosen() -> list[str]:
    return [one.id for _, one in read_records(Path("crew.jsonl"), Accepted)]


def card() -> str:
    return Path("crew.md").read_text(encoding="utf-8")


# What is taken


def test_the_first_sentences_of_each_relation_are_taken_relations_in_the_order_of_the_schema():
    prepare(2, *(accepted(name, number) for number in range(3) for name in ("none", "rows", "owns")))
    run()
    assert chosen() == ["owns/0", "owns/1", "rows/0", "rows/1", "none/0", "none/1"]


def test_several_methods_are_taken_from_in_turn_until_one_has_no_more():
    prepare(4, *(accepted("owns", n) for n in (0, 1, 2)), *(accepted("owns", n, "one_by_one") for n in (7, 8, 9)))
    run()
    assert chosen() == ["owns/0", "owns/1", "owns/7", "owns/8"]
    prepare(4, *(accepted("owns", n) for n in (0, 1, 2)), accepted("owns", 7, "one_by_one"))
    run()
    assert chosen() == ["owns/0", "owns/1", "owns/2", "owns/7"]


def test_the_answers_to_several_requests_are_taken_from_in_turn():
    first = [accepted("none", n).model_copy(update={"id": f"all_at_once/none/0/{n}"}) for n in range(3)]
    second = [accepted("none", 9 + n).model_copy(update={"id": f"all_at_once/none/1/{n}"}) for n in range(3)]
    prepare(4, *first, *second)
    run()
    assert chosen() == [f"all_at_once/none/{answer}/{n}" for answer in (0, 1) for n in (0, 1)]


def test_what_two_methods_wrote_alike_is_taken_once():
    same = accepted("owns", 0).model_copy(update={"id": "owns/7", "method": "one_by_one"})
    prepare(3, accepted("owns", 0), same, accepted("owns", 8, "one_by_one"))
    run()
    assert chosen() == ["owns/0", "owns/8"]


def test_what_is_taken_stays_as_it_was_accepted_to_the_byte():
    prepare(9, accepted("owns", 0), accepted("owns", 1))
    run()
    assert Path("crew.jsonl").read_bytes() == Path("accepted/all_at_once.jsonl").read_bytes()


def test_a_relation_that_falls_short_is_said_and_one_that_does_not_is_not(capsys):
    prepare(2, accepted("rows", 0), accepted("owns", 0), accepted("owns", 1))
    run()
    assert chosen() == ["owns/0", "owns/1", "rows/0"]
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "3 written sentences of 2 relations",
        "  rows: 1 of 2, no more were accepted",
        "  none: 0 of 2, no more were accepted",
    ]


def test_a_relation_of_which_no_samples_were_asked_for_does_not_fall_short(capsys):
    prepare(1, accepted("owns", 0), accepted("rows", 0), asked=("owns", "rows"))
    run()
    assert capsys.readouterr().out.splitlines() == ["2 written sentences of 2 relations"]


def test_a_second_run_writes_the_same():
    prepare(1, accepted("owns", 0), accepted("rows", 0))
    run()
    first = Path("crew.jsonl").read_bytes(), card()
    run()
    assert (Path("crew.jsonl").read_bytes(), card()) == first


def test_an_accepted_sentence_that_is_none_is_refused_with_file_and_line():
    prepare(1, accepted("owns", 0))
    with Path("accepted/all_at_once.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"id": "x"}\n')
    with pytest.raises(DataError, match=r"^accepted/all_at_once\.jsonl:2: text: Field required"):
        run()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, r"pools/all_at_once\.json: file not found: build it with `dvc repro filter@all_at_once`"),
        ("{}", r"all_at_once\.json: method: Field required.* `dvc repro -f filter@all_at_once`"),
    ],
)
def test_a_pool_that_is_not_there_or_of_another_version_names_its_cure_and_nothing_is_written(content, says):
    prepare(1, accepted("owns", 0))
    Path("pools/all_at_once.json").unlink()
    if content is not None:
        Path("pools/all_at_once.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=says):
        run()
    assert {path.name for path in Path().iterdir()} <= {"params.yaml", *ARGUMENTS[:3]}


# What the card says


def test_the_card_states_the_rows_of_each_relation_in_the_order_of_the_schema():
    prepare(3, accepted("rows", 0), *(accepted("owns", number) for number in range(4)))
    run()
    assert "# Written sentences of `crew`\n\n4 sentences with a marked head and tail" in card()
    assert card().rstrip().endswith("| relation | sentences |\n|---|--:|\n| `owns` | 3 |\n| `rows` | 1 |")


def test_the_md5_on_the_card_is_that_of_the_file():
    prepare(1, accepted("owns", 0))
    run()
    assert f"MD5 of `crew.jsonl`: `{hashlib.md5(Path('crew.jsonl').read_bytes()).hexdigest()}`" in card()


@pytest.mark.parametrize(("revision", "says"), [(None, "`boatwright`"), ("abc1", "`boatwright` at revision `abc1`")])
def test_the_card_states_the_model_and_how_it_sampled(revision, says):
    prepare(1, accepted("owns", 0), revision=revision)
    run()
    assert f"- The teacher: {says}; asked for with temperature 0.5, top_p 0.75, seed 11" in card()


@pytest.mark.parametrize("engine", ["batch", "openai"])
def test_the_card_says_where_answers_were_recorded_that_these_settings_need_not_hold_for_them(engine):
    prepare(1, accepted("owns", 0), engine=engine)
    run()
    assert ("its answers were recorded beforehand" in card()) == (engine == "batch")


def test_a_system_may_take_no_written_sentence():
    prepare(0, accepted("owns", 0))
    run()
    assert Path("crew.jsonl").read_text(encoding="utf-8") == ""


def test_the_card_states_which_model_wrote_by_which_method_and_where_the_prompts_are():
    prepare(1, accepted("owns", 0), accepted("owns", 1, "one_by_one"))
    run()
    model, other = (read_pool(Path(f"pools/{name}.json")).model for name in ("all_at_once", "one_by_one"))
    assert f"- Models by method: `all_at_once` {model}, `one_by_one` {other}\n" in card()
    assert "- Prompts: `relseed/tasks/relation`;" in card()


def test_the_card_states_the_checks_in_their_order_and_where_they_draw_the_line():
    prepare(1, accepted("owns", 0))
    run()
    lines = ", ".join(f"{name} {value}" for name, value in PARAMS["checks"].items())
    assert f"- Checks, in order: {', '.join(NAMES)}; {lines}\n" in card()


def test_the_card_states_the_licence_as_it_was_declared():
    prepare(1, accepted("owns", 0))
    run()
    assert "- Licence: CC0 1.0\n" in card()


@pytest.mark.parametrize(("rejects", "says"), [((), "none"), (("copy", "length", "length"), "length 2, copy 1")])
def test_the_card_states_what_became_of_the_drafts_of_each_method(rejects, says):
    prepare(3, *(accepted("owns", n) for n in range(3)), accepted("owns", 9, "one_by_one"), rejects=rejects)
    run()
    assert f"| `all_at_once` | 3 | {3 + len(rejects)} | {says} | 3 | 2 |\n" in card()
    assert f"| `one_by_one` | 3 | {1 + len(rejects)} | {says} | 1 | 1 |\n" in card()


# What params.yaml says of a system


def test_the_mixture_of_a_system_is_read_and_whether_it_is_hybrid():
    set_params(mixtures={"crew": {"methods": ["one_by_one"], "per_relation": 7}}, hybrid={"crew": False, "gold": True})
    assert (mixture("crew").methods, mixture("crew").per_relation) == (("one_by_one",), 7)
    assert (hybrid("crew"), hybrid("gold")) == (False, True)


@pytest.mark.parametrize(
    ("mixtures", "says"),
    [
        (
            {"other": {"methods": ["one_by_one"], "per_relation": 7}},
            "mixtures.crew is missing: say which written sentences",
        ),
        ({}, "mixtures.crew is missing"),
        (None, "mixtures.crew is missing"),
        ({"crew": ONE}, "mixtures.crew.per_relation: Field required"),
        (
            {"crew": {"methods": ["one_by_one"], "per_relation": -1}},
            "mixtures.crew.per_relation: Input should be greater",
        ),
        ({"crew": ONE | {"per_relation": 7, "of": 1}}, "mixtures.crew.of: Extra inputs"),
        ({"crew": {"methods": [], "per_relation": 7}}, "mixtures.crew.methods: Tuple should have at least 1 item"),
        ({"crew": None}, "mixtures.crew: Input should be"),
    ],
)
def test_a_mixture_that_is_missing_or_unfit_is_an_error_that_names_the_key(mixtures, says):
    set_params(mixtures=mixtures)
    with pytest.raises(UserError) as caught:
        mixture("crew")
    assert str(caught.value).startswith(f"params.yaml: {says}")


@pytest.mark.parametrize(
    ("systems", "says"),
    [
        ({"gold": True}, "hybrid.crew is missing: true to train on the real seeds, too, else false"),
        ({"crew": "half"}, "hybrid.crew: Input should be a valid boolean"),
        ({"crew": None}, "hybrid.crew: Input should be a valid boolean"),
    ],
)
def test_a_system_that_is_neither_hybrid_nor_pure_is_an_error_that_names_the_key(systems, says):
    set_params(hybrid=systems)
    with pytest.raises(UserError) as caught:
        hybrid("crew")
    assert str(caught.value).startswith(f"params.yaml: {says}")
    assert "has the keys" not in str(caught.value)


@pytest.mark.parametrize(("read", "name"), [(mixture, "mixtures"), (hybrid, "hybrid")])
def test_a_section_that_is_missing_is_an_error_that_names_it(read, name):
    Path("params.yaml").write_text(yaml.safe_dump({key: PARAMS[key] for key in PARAMS if key != name}))
    with pytest.raises(UserError, match=f"params.yaml has no section '{name}'"):
        read("crew")
