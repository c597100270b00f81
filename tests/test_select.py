"""Training sets: which examples are selected, what is missing, and what params.yaml may say of one."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from relseed.pipeline.errors import UserError
from relseed.records.files import DataError
from relseed.tasks.relation import Example
from relseed.tasks.relation.tags import untag
from tests.graph import PARAMS, pipeline
from tests.training_sets import SEEDS, example, ids, prepare, renamed, run, selected

ENTRY = {"reads": "accepted", "seeds": True, "methods": ["one_by_one"], "per_label": 7, "negatives": {}}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    monkeypatch.chdir(tmp_path)


def ids_of(examples: Sequence[Example]) -> list[str]:
    return [found.id for found in examples]


# Which examples


def test_the_first_examples_of_each_label_are_taken_labels_in_the_order_of_the_schema():
    accepted = [example(label, number) for number in range(3) for label in ("none", "rows", "owns")]
    assert selected(*accepted, per_label=2) == [
        f"all_at_once/{label}/0/{number}" for label in ("owns", "rows", "none") for number in (0, 1)
    ]


def test_several_methods_are_taken_from_in_turn_until_one_has_no_more():
    many = [example("owns", number) for number in range(3)]
    others = [example("owns", number, "one_by_one") for number in (7, 8, 9)]
    first, second = ids_of(many), ids_of(others)
    assert selected(*many, *others, per_label=4) == [*first[:2], *second[:2]]
    assert selected(*many, others[0], per_label=4) == [*first, second[0]]


def test_the_responses_to_several_requests_are_taken_from_in_turn():
    accepted = [example("none", 9 * request + number, request=request) for request in (0, 1) for number in range(3)]
    assert selected(*accepted, per_label=4) == [
        f"all_at_once/none/{request}/{9 * request + number}" for request in (0, 1) for number in (0, 1)
    ]


def test_what_two_methods_wrote_alike_is_taken_once():
    first, other = example("owns", 0), example("owns", 8, "one_by_one")
    same = first.model_copy(update={"id": "one_by_one/owns/0/7", "method": "one_by_one"})
    assert selected(first, same, other, per_label=3) == [first.id, other.id]


def test_what_is_taken_stays_as_it_was_accepted_to_the_byte():
    selected(example("owns", 0), example("owns", 1))
    assert Path("training/crew.jsonl").read_bytes() == Path("accepted/all_at_once.jsonl").read_bytes()


def test_the_seeds_come_first_where_the_set_has_them():
    written = example("owns", 0)
    assert selected(written, seeds=True) == [*ids_of(SEEDS), written.id]
    assert selected(written, seeds=False) == [written.id]


def test_a_set_may_hold_the_seeds_alone():
    prepare(example("owns", 0), seeds=True, per_label=0)
    run()
    assert ids() == ids_of(SEEDS)


def test_a_file_of_accepted_examples_can_be_read_by_itself():
    written = [example("owns", 0), example("owns", 1, "one_by_one")]
    assert selected(*written, reads="accepted/one_by_one.jsonl", methods=["one_by_one"]) == [written[1].id]


def test_of_a_folder_the_methods_that_the_set_names_are_read_alone():
    written = [example("owns", 0), example("owns", 1, "one_by_one")]
    prepare(*written, methods=["one_by_one"])
    Path("accepted/all_at_once.jsonl").unlink()
    run()
    assert ids() == [written[1].id]


def test_a_second_run_writes_the_same():
    prepare(example("owns", 0), example("rows", 0))
    files = [Path("training/crew.jsonl"), Path("training/crew.md")]
    run()
    first = [file.read_bytes() for file in files]
    run()
    assert [file.read_bytes() for file in files] == first


# Negatives


def negative(
    number: int,
    near: str | None = None,
    kind: str = "denied",
    types: tuple[str, str] | None = None,
    method: str = "negatives",
) -> Example:
    """An example of the negative label that comes near a label, or whose mentions merely occur together."""
    fields = example("none", number, method).model_dump(exclude_unset=True) | {"kind": kind}
    for role, type in zip(("head", "tail"), types or (), strict=False):
        fields[role] |= {"type": type}
    return Example.model_validate(fields | ({"near": near} if near else {}))


def test_so_many_negatives_are_taken_of_each_label_that_they_come_near():
    accepted = [negative(number, near) for number, near in enumerate(["owns"] * 3 + ["rows"] * 3)]
    found = selected(*accepted, seeds=True, methods=[], negatives={"negatives": {"near": 2}})
    assert found == [*ids_of(SEEDS), *(accepted[number].id for number in (0, 1, 3, 4))]


def test_negatives_of_several_kinds_are_taken_in_turn():
    accepted = [negative(number, "owns", kind) for number, kind in enumerate(["denied", "denied", "past", "past"])]
    found = selected(*accepted, seeds=True, methods=[], negatives={"negatives": {"near": 3}})
    assert found[2:] == [accepted[number].id for number in (0, 2, 1)]


def test_so_many_are_taken_of_each_pair_of_types_that_merely_occurs_together():
    types = [("PERSON", "BOAT")] * 2 + [("BOAT", "PERSON")] * 2
    accepted = [negative(number, kind="co_occurrence", types=pair) for number, pair in enumerate(types)]
    wanted = {"negatives": {"co_occurrence": 1, "near": 9}}
    found = selected(*accepted, seeds=True, methods=[], negatives=wanted)
    assert found[2:] == [accepted[0].id, accepted[2].id]


def test_units_that_a_set_does_not_name_are_left_out():
    accepted = [negative(0, "owns"), negative(1, kind="co_occurrence")]
    found = selected(*accepted, seeds=True, methods=[], negatives={"negatives": {"co_occurrence": 1}})
    assert found[2:] == [accepted[1].id]


def test_negatives_come_after_what_is_taken_of_each_label_and_none_comes_twice():
    accepted = [negative(number, "owns", method="all_at_once") for number in range(3)]
    written = example("owns", 9)
    wanted = {"per_label": 1, "negatives": {"all_at_once": {"near": 1}}}
    assert selected(*accepted, written, **wanted) == [written.id, accepted[0].id, accepted[1].id]


def test_what_a_method_of_negatives_wrote_is_no_part_of_what_is_taken_of_each_label():
    accepted = [example("owns", 0), negative(1, "owns")]
    wanted = {"methods": ["all_at_once"], "negatives": {"negatives": {"near": 0}}}
    assert selected(*accepted, **wanted) == [accepted[0].id]


def test_a_least_score_holds_for_negatives_too():
    accepted = [negative(number, "owns") for number in range(3)]
    scores, least = {"accuracy": [0.9, 0.1, 0.9]}, {"negatives": {"accuracy": 0.5}}
    wanted = {"methods": [], "seeds": True, "negatives": {"negatives": {"near": 3}}}
    found = selected(*accepted, scores=scores, at_least=least, **wanted)
    assert found[2:] == [accepted[0].id, accepted[2].id]


def test_a_unit_of_which_there_are_too_few_negatives_is_said(capsys):
    wanted = {"methods": [], "seeds": True, "negatives": {"negatives": {"near": 2, "co_occurrence": 1}}}
    prepare(negative(0, "owns"), negative(1, "rows"), negative(2, "rows"), negative(3, kind="co_occurrence"), **wanted)
    assert said(capsys)[1:] == ["  near/owns by negatives: 1 of 2, no more were good enough"]


def test_a_kind_of_negatives_that_a_method_has_none_of_is_said(capsys):
    wanted = {"methods": [], "seeds": True, "negatives": {"negatives": {"near": 1, "co_occurrence": 2}}}
    prepare(negative(0, "owns"), **wanted)
    assert said(capsys)[1:] == ["  co_occurrence by negatives: 0 of 2, no more were good enough"]


# Pairs of a sentence


def pairs(method: str, *relations: str) -> list[Example]:
    """Pairs of one sentence of one response, each with a label."""
    found = []
    for number, (relation, name) in enumerate(zip(relations, ("Tove", "Bo", "Old"), strict=False)):
        text = "Old <e1>Ines</e1> met Tove and Bo there.".replace(name, f"<e2>{name}</e2>")
        id = f"{method}/owns/0/{number}"
        found.append(Example(**dict(untag(text)) | {"id": id, "relation": relation, "method": method}))
    return found


def test_pairs_of_one_sentence_are_all_taken_whatever_their_labels():
    found = pairs("passages", "owns", "rows", "none")
    assert selected(example("owns", 7, "passages", request=1), *found) == ["passages/owns/1/7", *ids_of(found)]


def test_of_the_sentence_of_another_method_none_is_taken():
    first, other = pairs("passages", "owns", "rows"), pairs("one_by_one", "owns", "rows", "none")
    assert selected(*first, *other) == ids_of(first)


def test_a_sentence_counts_once_among_the_copies_however_many_of_its_pairs_are_taken(capsys):
    prepare(*pairs("passages", "none", "none", "none"), example("owns", 0), per_label=3)
    assert not [line for line in said(capsys) if "template" in line]


# Scores


def owned(*numbers: int, method: str = "all_at_once") -> list[Example]:
    return [example("owns", number, method) for number in numbers]


def test_examples_below_the_least_score_of_their_method_are_left_out():
    accepted = [*owned(0, 1, 2), *owned(7, 8, 9, method="one_by_one")]
    scores = {"accuracy": [0.2, 0.7, 0.69, 0.2, 0.7, 0.1]}
    found = selected(*accepted, scores=scores, at_least={"all_at_once": {"accuracy": 0.7}})
    assert found == [accepted[1].id, *ids_of(accepted[3:])]


def test_a_threshold_of_each_of_several_criteria_must_be_reached():
    accepted = owned(0, 1, 2)
    scores = {"accuracy": [0.9, 0.9, 0.1], "fluency": [0.9, 0.1, 0.9]}
    least = {"accuracy": 0.5, "fluency": 0.5}
    assert selected(*accepted, scores=scores, at_least={"all_at_once": least}) == [accepted[0].id]


def test_scores_without_a_threshold_leave_nothing_out():
    accepted = owned(0, 1)
    scores = {"accuracy": [0.0, 0.1], "fluency": [0.0, 0.1]}
    assert selected(*accepted, scores=scores) == ids_of(accepted)


def test_what_is_taken_of_scored_examples_is_the_example_alone():
    accepted = owned(0)
    selected(*accepted, scores={"accuracy": [0.5]})
    [line] = Path("training/crew.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line) == accepted[0].model_dump(exclude_unset=True)


def test_a_method_of_which_nothing_was_accepted_has_no_scores_and_adds_nothing():
    others = [example("owns", 0, "one_by_one")]
    prepare(*others, scores={"accuracy": [0.5]}, methods=["tuned"], at_least={"tuned": {"accuracy": 0.7}})
    run()
    assert ids() == []


@pytest.mark.parametrize("scores", [{"fluency": [0.5]}, None], ids=["of another criterion", "none"])
def test_a_threshold_without_scores_is_an_error_that_says_what_to_read_and_to_name(scores):
    prepare(*owned(0), scores=scores, at_least={"all_at_once": {"accuracy": 0.7}})
    with pytest.raises(UserError, match=r"holds no scores of that name: let it read data/scores, and name the crit"):
        run()


# What is missing


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    run()
    return capsys.readouterr().out.splitlines()


def test_a_label_that_falls_short_is_said_and_one_that_does_not_is_not(capsys):
    prepare(example("none", 0), *owned(1, 2), per_label=2)
    assert said(capsys) == [
        "3 written examples of 2 labels",
        "  rows: 0 of 2, no more were good enough",
        "  none: 1 of 2, no more were good enough",
    ]


def test_the_negative_label_does_not_fall_short_where_nobody_wrote_of_it(capsys):
    prepare(example("owns", 0), example("rows", 1), per_label=1)
    assert said(capsys) == ["2 written examples of 2 labels"]


def test_a_label_whose_examples_are_not_good_enough_falls_short(capsys):
    accepted = [example("owns", 0), example("rows", 1)]
    least = {"all_at_once": {"accuracy": 0.5}}
    prepare(*accepted, scores={"accuracy": [0.9, 0.1]}, at_least=least, per_label=1)
    assert said(capsys) == ["1 written examples of 1 labels", "  rows: 0 of 1, no more were good enough"]


def test_no_label_falls_short_where_nothing_written_is_wanted(capsys):
    prepare(example("owns", 0), seeds=True, per_label=0)
    assert said(capsys) == ["0 written examples of 0 labels"]
    prepare(example("owns", 0), seeds=True, methods=[])
    assert said(capsys) == ["0 written examples of 0 labels"]


# What is mostly templates


def mostly_templates(what: str, *, copies: int, different: int) -> str:
    return (
        f"warning: {what} mostly templates. Once names and numbers are masked, {copies} of 4 texts by LLMs are like "
        f"another one (different: {different}). Which of them are rejected is up to rules.near_duplicate_masked in "
        "params.yaml"
    )


def test_a_set_of_which_most_texts_are_alike_but_for_names_is_said_with_figures_before_it_is_trained_on(capsys):
    prepare(renamed("owns", "Ada"), renamed("owns", "Britt"), renamed("rows", "Chidi"), example("rows", 0), per_label=2)
    assert said(capsys)[1:] == [mostly_templates("this set is", copies=3, different=2), "  owns: 2 of 2 (different: 1)"]


def test_a_label_of_which_most_texts_are_alike_but_for_names_is_said_though_the_set_has_others(capsys):
    others = [example("rows", number) for number in range(3)]
    prepare(renamed("owns", "Ada"), renamed("owns", "Britt"), *others, per_label=2)
    warning = mostly_templates("these labels are", copies=2, different=3)
    assert said(capsys)[1:] == [warning, "  owns: 2 of 2 (different: 1)"]


def test_a_few_copies_among_other_texts_are_not_warned_of(capsys):
    others = [example("owns", number) for number in range(2)]
    prepare(renamed("owns", "Ada"), renamed("owns", "Britt"), *others, per_label=4)
    assert not [line for line in said(capsys) if "template" in line]


def test_what_a_rule_made_of_the_seeds_is_alike_by_design_and_not_warned_of(capsys):
    prepare(*(renamed("none", name, "re_paired") for name in ("Ada", "Britt", "Chidi")), per_label=3)
    assert not [line for line in said(capsys) if "template" in line]


# What is wrong with its files


def test_negatives_that_are_not_there_are_an_error_that_names_the_stage_which_accepts_them():
    prepare(example("owns", 0), negatives={"negatives": {"near": 1}})
    with pytest.raises(DataError) as caught:
        run()
    assert cures(caught.value) == ["filter@negatives"]


@pytest.mark.parametrize("method", ["all_at_once", "tuned"])
def test_accepted_examples_that_are_not_there_are_an_error_that_names_the_stage_which_accepts_them(method):
    prepare(example("owns", 0, method))
    Path(f"accepted/{method}.jsonl").unlink()
    with pytest.raises(DataError) as caught:
        run()
    assert str(caught.value).startswith(f"accepted/{method}.jsonl: file not found: ")
    assert cures(caught.value) == [f"filter@{method}"]
    assert not Path("training").exists()


def test_scores_that_are_not_there_are_an_error_that_names_the_stages_which_give_them():
    prepare(example("owns", 0), reads="scores")
    with pytest.raises(UserError, match="scores holds no scores: name a criterion under `criteria`") as caught:
        run()
    assert cures(caught.value) == ["score"]


def test_a_method_that_a_criterion_does_not_score_is_an_error_that_names_the_entry():
    criteria = {"accuracy": {"methods": ["tuned"]}}
    prepare(example("owns", 0), scores={"accuracy": [1]}, params={"criteria": criteria})
    with pytest.raises(UserError, match=r"takes the method all_at_once, which criteria\.accuracy\.methods does not"):
        run()


def cures(error: Exception) -> list[str]:
    """The stages, or groups of them, that an error tells to run; each of which dvc.yaml has."""
    names = re.findall(r"`dvc repro (\S+)`", str(error))
    known = {part for stage in pipeline() for part in (stage.name, stage.name.partition("@")[0])}
    assert set(names) <= known
    return names


def test_a_line_that_holds_no_example_is_an_error_with_file_and_line():
    prepare(example("owns", 0))
    add_line("accepted/all_at_once.jsonl", {"id": "x", "method": "all_at_once"})
    with pytest.raises(DataError, match=r"^accepted/all_at_once\.jsonl:2: text: Field required"):
        run()


@pytest.mark.parametrize(
    ("line", "says"),
    [({"score": 1.5, "example": {}}, "score: Input should be less"), ({"score": 0.5}, "example: Field required")],
)
def test_a_line_that_holds_no_score_is_an_error_with_file_and_line(line, says):
    prepare(example("owns", 0), scores={"accuracy": [0.5]})
    add_line("scores/accuracy.jsonl", line)
    with pytest.raises(DataError, match=rf"^scores/accuracy\.jsonl:2: {says}"):
        run()


def add_line(path: str, line: dict[str, Any]) -> None:
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


# What params.yaml says of it


@pytest.mark.parametrize(
    ("sets", "says"),
    [
        ({"other": ENTRY}, "training_sets has no entry 'crew', it has other"),
        ({"crew": ENTRY | {"per_label": -1}}, "training_sets.crew.per_label: Input should be greater"),
        ({"crew": ENTRY | {"of": 1}}, "training_sets.crew.of: Extra inputs"),
        (
            {"crew": ENTRY | {"negatives": {"one_by_one": {"hard": 1}}}},
            "training_sets.crew.negatives.one_by_one.hard.[key]: Input should be 'near' or 'co_occurrence'",
        ),
        ({"crew": ENTRY | {"seeds": "half"}}, "training_sets.crew.seeds: Input should be a valid boolean"),
        ({"crew": {}}, "training_sets.crew.reads: Field required"),
        (
            {"crew": ENTRY | {"seeds": False, "methods": []}},
            "training_sets.crew: it has neither seeds nor methods: set seeds to true, or name a method",
        ),
        (
            {"crew": ENTRY | {"at_least": {"tuned": {"accuracy": 0.5}}}},
            "training_sets.crew: at_least names tuned, which is not among its methods",
        ),
        (
            {"crew": ENTRY | {"methods": ["two_by_two"]}},
            "methods has no entry 'two_by_two', it has all_at_once, ",
        ),
    ],
)
def test_an_entry_that_is_missing_or_unfit_is_an_error_that_names_the_key(sets, says):
    prepare(example("owns", 0, "one_by_one"), example("owns", 1, "two_by_two"), params={"training_sets": sets})
    with pytest.raises(UserError) as caught:
        run()
    assert str(caught.value).startswith(f"params.yaml: {says}")


def test_a_section_that_is_missing_is_an_error_that_names_it():
    params = {name: section for name, section in PARAMS.items() if name != "training_sets"}
    Path("params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    with pytest.raises(UserError, match=r"params\.yaml has no section 'training_sets'"):
        run()
