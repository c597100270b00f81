"""What the benchmark of the tuned writer calls a copy: words of the samples that a draft's own prompt shows.

And what it refuses to measure.
"""

import pytest

from benchmarks.tuned import copied, main
from relseed.generation.answers import Answer
from relseed.llm.request import Request
from relseed.pipeline.errors import UserError
from relseed.tasks.relation.continuation import Continuation
from tests.drafts import GOOD, OTHER, SCHEMA

ASKED = Continuation("tuned", SCHEMA.relations[0], count=1, characters=1000)


def figures(draft: str, shown: list[str]) -> tuple[float, float]:
    """The share of a draft's 4-grams that are shown, and its likeness to a sample shown."""
    request = Request(model="tiny", messages=ASKED.messages(shown), temperature=1, top_p=1, max_tokens=9, seed=1)
    drafts = ASKED.parse("tuned/owner_of/0", f" {draft} <end>", truncated=False)
    [found] = copied([Answer(id="tuned/owner_of/0", request=request, completion=None, drafts=tuple(drafts))])
    return found


def test_a_sample_to_the_letter_is_a_copy_whatever_is_marked_in_it():
    marked_otherwise = GOOD.replace("<e1>Ines Falk</e1>", "<e1>Ines</e1> Falk")
    assert figures(marked_otherwise, [OTHER, GOOD]) == (1, 1)


def test_a_sample_with_another_mention_is_a_near_copy():
    grams, likeness = figures(GOOD.replace("Sula", "Wren"), [GOOD, OTHER])
    assert (grams, likeness) == (8 / 11, 9 / 15)  # of 14 words


def test_words_of_the_relation_s_definition_and_its_name_are_no_copy():
    assert figures("He said <e1>the head owns the tail</e1> of <e2>it</e2>.", [GOOD]) == (0, 0)


def test_nothing_is_copied_where_nothing_is_shown():
    assert figures(GOOD, []) == (0, 0)


def test_a_setting_of_another_teacher_is_not_measured_on_this_one():
    with pytest.raises(UserError, match=r"build it with `dvc exp run -S teach\.seed=2 write@base`"):
        main("retaught")
