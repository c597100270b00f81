"""Copies in disguise: what is masked, which texts are masked copies, and an LLM that fills templates."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relseed.datasets.draw import draw
from relseed.generation.sentences import Sentences
from relseed.generation.summarize import diversities_of
from relseed.pipeline.params import Params
from relseed.quality.duplicates import similarity
from relseed.quality.rules import RuleFilter, RuleSettings
from relseed.quality.templates import Copies, masked_copies, template
from relseed.records.candidates import Rejected
from relseed.records.files import write_records
from relseed.tasks.relation import TASK, Example
from relseed.tasks.relation.tags import untag
from relseed.tasks.task import read_examples, read_schema
from tests.boats import SEEDS, candidate, outcome, verdict
from tests.filled_templates import TEMPLATES, candidates
from tests.training_sets import card, prepare
from tests.training_sets import run as run_select

# What is masked beside the mentions


def same(*tagged: str) -> bool:
    return len({template(TASK.masked(untag(text))) for text in tagged}) == 1


def test_other_names_and_years_do_not_make_another_template():
    assert same(
        "Since 1998 <e1>Ines</e1> has run <e2>Sula Works</e2> with Tove Ness.",
        "Since 2011 <e1>Marit</e1> has run <e2>Petrel</e2> with Ada.",
    )


@pytest.mark.parametrize(
    "name",
    ["Ada", "Ada Holm", "Dr. Ada O’Brien-Holm", "J. R. McHolm", "Łucja", "Жанна Д'Арк", "E\u0301va"],
)
def test_a_name_is_one_mask_however_it_is_made_up(name):
    assert template(f"[MASK] of [MASK] met {name} at the door of the mill") == (
        "[MASK] of [MASK] met [MASK] at the door of the mill"
    )


@pytest.mark.parametrize("number", ["7", "1,200", "12.5", "٣", "3 May 1784"])
def test_a_number_is_masked(number):
    masked = template(f"[MASK] counted {number} boats in the bay of [MASK]")
    assert "[MASK] boats in the bay" in masked
    assert not any(letter.isdigit() for letter in masked)


def test_other_words_make_another_template():
    assert not same(
        "Since 1998 <e1>Ines</e1> has run <e2>Sula Works</e2> with Tove Ness.",
        "Since 1998 <e1>Ines</e1> has owned <e2>Sula Works</e2> with Tove Ness.",
    )


def test_the_words_of_a_title_are_no_names():
    title = "[MASK] Buys Two More Boats From [MASK]"
    assert template(title) == title


def test_where_no_blanks_part_words_a_name_or_a_number_ends_with_its_letters():
    assert (
        template("[MASK]は2019年にSonyを買い[MASK]に本社を置く") == "[MASK]は[MASK]年に[MASK]を買い[MASK]に本社を置く"
    )


@given(st.text() | st.lists(st.sampled_from(["[MASK]", "Ada", "7", "runs", ".", " ", "-", "ǅ"])).map("".join))
def test_any_text_has_a_template_whose_template_is_itself(text):
    assert template(template(text)) == template(text)


# Masked copies among texts


def copies(*texts: str, threshold: float = 0.5) -> Copies:
    return masked_copies(texts, threshold=threshold)


RUNS = "[MASK] has been running the mill of [MASK] since the war"
SOLD = "nobody in the village knows who sold [MASK] to the brother of [MASK]"


def test_a_text_and_its_copy_are_both_copies_and_one_text():
    assert copies(RUNS, SOLD, RUNS) == Copies(texts=3, copies=2, different=2)


def test_texts_with_nothing_in_common_are_no_copies():
    assert copies(RUNS, SOLD) == Copies(texts=2, copies=0, different=2)


def test_a_text_is_a_copy_of_another_though_that_is_more_like_a_third():
    longer, longest = RUNS + " of the twelve", RUNS + " of the twelve brothers"  # 0.75 and 0.69 like it
    assert copies(RUNS, longest, longer, threshold=0.7) == Copies(texts=3, copies=3, different=2)


def test_a_near_duplicate_is_a_copy_from_the_threshold_on():
    longer = RUNS + " ended"  # 9 of 10 trigrams
    assert copies(RUNS, longer, threshold=0.9).copies == 2
    assert copies(RUNS, longer, threshold=0.91).copies == 0


WORDS = "abcdefghi"
parts = st.tuples(st.integers(0, 4), st.integers(1, 9)).map(lambda ends: " ".join(WORDS[ends[0] : sum(ends)]))


@given(st.lists(parts, max_size=8), st.sampled_from([0.2, 1 / 3, 0.5, 0.75, 1.0]))
def test_the_copies_are_those_of_comparing_every_text_with_every_other(texts, threshold):
    alike = [[one == other or similarity(one, other) >= threshold for other in texts] for one in texts]
    like_another = [sum(found) > 1 for found in alike]
    like_none_before = [not any(found[:at]) for at, found in enumerate(alike)]
    assert copies(*texts, threshold=threshold) == Copies(len(texts), sum(like_another), sum(like_none_before))


def test_half_of_the_texts_are_not_most_of_them():
    assert not Copies(texts=4, copies=2, different=3).most
    assert Copies(texts=3, copies=2, different=2).most


def test_no_text_is_no_copy():
    assert copies() == Copies(texts=0, copies=0, different=0)
    assert not copies().most


# The rule


TWIN = candidate("Young <e1>Marit Ness</e1> sold her house in town to buy the <e2>Grey Heron</e2> at last.")


def test_a_text_that_is_accepted_but_for_names_is_rejected_unless_the_rule_is_off():
    assert verdict(outcome(candidate(id="a/0"), TWIN)) == "masked_near_duplicate"
    assert verdict(outcome(candidate(id="a/0"), TWIN, near_duplicate_masked=None)) == "accepted"


def test_the_threshold_of_masked_near_duplicates_is_a_parameter():
    longer = TWIN.model_copy(update={"text": TWIN.text + " indeed she said"})  # 10 of 13 trigrams
    assert verdict(outcome(candidate(id="a/0"), longer, near_duplicate_masked=0.76)) == "masked_near_duplicate"
    assert verdict(outcome(candidate(id="a/0"), longer, near_duplicate_masked=0.77)) == "accepted"


def test_a_seed_with_other_names_is_rejected_unless_the_rule_is_off():
    renamed = candidate("Nobody but <e1>Ines Falk</e1> has ever held the papers of the <e2>Sula</e2>.")
    assert verdict(outcome(renamed)) == "masked_near_copy"
    assert verdict(outcome(renamed, near_duplicate_masked=None)) == "accepted"
    assert verdict(outcome(renamed, seeds=SEEDS[:1])) == "accepted"


# An LLM that fills six templates for each relation


EACH = 58  # 174 texts of three relations
SCHEMA = read_schema(Path("data/gazette/relations.jsonl"), TASK)
GAZETTE = draw(read_examples(Path("data/gazette/train.jsonl"), TASK, SCHEMA), shots=8, seed=1)
DEFAULT = Params.read().section("rules", RuleSettings)
OFF = DEFAULT.model_copy(update={"near_duplicate_masked": None})


def passed(settings: RuleSettings) -> tuple[list[Example], list[Rejected]]:
    return RuleFilter(TASK.rules(SCHEMA, GAZETTE, settings), settings, GAZETTE).apply_all(candidates(EACH))


def test_of_each_template_one_text_is_accepted_and_the_others_are_rejected_as_copies():
    accepted, rejected = passed(DEFAULT)
    assert Counter(example.label for example in accepted) == dict.fromkeys(TEMPLATES, 6)
    assert {each.rule for each in rejected} == {"near_duplicate", "masked_near_duplicate"}


def test_without_the_rule_nearly_all_of_it_is_accepted():
    assert len(passed(OFF)[0]) > 160


def test_the_masked_figures_of_diversity_tell_templates_from_texts():
    accepted, _ = passed(OFF)
    sentences = Sentences(TASK)
    sentences.add((example, True) for example in accepted)
    measured, _ = diversities_of(sentences, "templates")
    assert set(measured) == set(TEMPLATES)
    for unit in measured.values():
        assert unit.distinct_masked < 0.12  # six texts of 58
        assert unit.vendi_masked < 7 < unit.vendi
        assert unit.distinct_2 > 0.3  # what the other figures say


@pytest.fixture
def template_set(tmp_path, monkeypatch) -> list[Example]:
    """A training set of such texts, accepted with the rule off; what it takes."""
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    monkeypatch.chdir(tmp_path)
    accepted, _ = passed(OFF)
    prepare(*accepted, per_label=EACH)
    write_records(Path("relations.jsonl"), SCHEMA.relations)
    return accepted


def test_select_warns_of_it_with_figures_of_the_set_and_of_each_label(template_set, capsys):
    run_select()
    lines = capsys.readouterr().out.splitlines()
    counts, total = Counter(example.label for example in template_set), len(template_set)
    [warning] = [line for line in lines if line.startswith("warning: ")]
    assert warning.startswith(
        "warning: this set is mostly templates. Once names and numbers are masked, "
        f"{total} of {total} texts by LLMs are like another one (different: 18). "
    )
    for label in TEMPLATES:
        assert f"  {label}: {counts[label]} of {counts[label]} (different: 6)" in lines


def test_the_card_says_it(template_set):
    run_select()
    counts, total = Counter(example.label for example in template_set), len(template_set)
    assert "**Mostly templates**" in card()
    assert (
        "; ".join(
            f"`{label}` {counts[label]} of {counts[label]}, different: 6" for label in SCHEMA.labels if counts[label]
        )
        in card()
    )
    assert f"- Masked copies: {total} of {total} texts that LLMs wrote are like another one" in card()
    assert "different: 18\n" in card()
