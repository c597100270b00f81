"""What the benchmark of the tuned LLM calls a copy: words of the examples that a candidate's own prompt shows.

And what it changes, and refuses to measure.
"""

import pytest

from benchmarks.tuned import METHODS, PER_LABEL, SETTINGS, changed, check_built, copied
from relseed.generation.exchanges import Exchange
from relseed.generation.method import loop_of
from relseed.llm.request import Request
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params
from relseed.tasks.relation.continuation import Continuation, line
from tests.boats import GOOD, OTHER, SCHEMA
from tests.graph import PARAMS

PROMPT = Continuation("tuned", SCHEMA.relations[0], count=1, characters=1000)


def figures(candidate: str, shown: list[str]) -> tuple[float, float]:
    """The share of a candidate's 4-grams that are shown, and its similarity to the nearest example shown."""
    request = Request(model="tiny", messages=PROMPT.messages(shown), temperature=1, top_p=1, max_tokens=9, seed=1)
    candidates = PROMPT.parse("tuned/owner_of/0", line(candidate), truncated=False)
    exchange = Exchange(id="tuned/owner_of/0", request=request, response=None, candidates=tuple(candidates))
    [found] = copied([exchange])
    return found


def test_an_example_to_the_letter_is_a_copy_whatever_is_marked_in_it():
    marked_otherwise = GOOD.replace("<e1>Ines Falk</e1>", "<e1>Ines</e1> Falk")
    assert figures(marked_otherwise, [OTHER, GOOD]) == (1, 1)


def test_an_example_with_another_mention_is_a_near_copy():
    grams, similarity = figures(GOOD.replace("Sula", "Wren"), [GOOD, OTHER])
    assert (grams, similarity) == (8 / 11, 9 / 15)  # of 14 words


def test_words_of_the_relation_s_definition_and_its_name_are_no_copy():
    assert figures("He said <e1>the head owns the tail</e1> of <e2>it</e2>.", [GOOD]) == (0, 0)


def test_nothing_is_copied_where_nothing_is_shown():
    assert figures(GOOD, []) == (0, 0)


def test_a_setting_of_another_small_llm_is_not_measured_on_this_one():
    with pytest.raises(UserError, match=r"build it with `dvc exp run -S lms\.base\.seed=2 generate@tuned`"):
        check_built(Params(PARAMS), "lm seed 2")


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_leaves_parameters_that_stages_take_and_the_random_seed_of_one_llm_alone_changes(setting):
    params = Params(changed(Params(PARAMS), setting, "tuned", seed=7))
    params.section("methods.tuned", loop_of(params, "tuned").Settings)
    assert [params.value(f"llms.{name}")["seed"] for name in ("tuned", "untuned")] == [7, 1]


def test_a_setting_changes_what_it_is_called_after_and_leaves_the_other_parameters_as_they_are():
    values = changed(Params(PARAMS), "temperature 0.8", "untuned", seed=1)
    assert {values["llms"][name]["temperature"] for name in ("tuned", "untuned")} == {0.8}
    assert values["llms"]["teacher"] == PARAMS["llms"]["teacher"]
    alike = {method: {"per_label": PER_LABEL} for method in METHODS}
    methods = {name: entry | alike.get(name, {}) for name, entry in PARAMS["methods"].items()}
    assert values == PARAMS | {"llms": values["llms"], "methods": methods}


@pytest.mark.parametrize("setting", SETTINGS)
def test_untuned_and_tuned_are_asked_for_as_many(setting):
    values = changed(Params(PARAMS), setting, "untuned", seed=1)
    assert len({values["methods"][name]["per_label"] for name in ("tuned", "untuned")}) == 1
    assert values["methods"]["one_by_one"] == PARAMS["methods"]["one_by_one"]
