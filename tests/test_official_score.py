"""SemEval's official macro-F1.

The predictions and scores of the fixtures 1, 3 and 5 are those of the SemEval-2010 Task 8 scorer v1.2 (Hendrickx et al.
2010, CC BY 3.0): labels and numbers, no sentence.
"""

import re

import pytest

from relseed.evaluation.f1 import micro_f1
from relseed.evaluation.semeval import LABELS, RELATIONS, is_semeval, official
from tests.graph import ROOT

FIXTURES = ROOT.parent / "shared/data/semeval2010_task8/scorer_fixtures"
with_fixtures = pytest.mark.skipif(not FIXTURES.is_dir(), reason=f"needs the scorer's own files in {FIXTURES}")

# One column per item: CE2 is Cause-Effect(e2,e1), O is Other, - an item without a prediction.
KEY_1 = """CW2 O IA2 O MC1 O CE2 ED1 CC1 ED1 MC1 O MT1 CE2 IA2 MT1 IA2 PP2 CW2 MC2
           EO1 MC2 CE1 O MC2 O CE1 MT1 MT1 CW1 MT2 CE2 PP1 ED1 CW1 EO1 O CW2 CE1 IA2"""
PREDICTED_1 = """O IA2 O O O O O ED1 CC1 ED1 MC1 O MT1 CE2 IA2 MT1 IA2 PP2 CW1 MC2
               EO1 O CE1 MC2 MC2 O CE2 MT2 MT1 CW1 - - - - - - - - - -"""
KEY_3 = "CW2 O IA2 O MC1 O CE2 ED1 CC1 ED1"
PREDICTED_3 = "O CE1 O - IA2 MT1 CE1 - - ED1"
KEY_5 = "CE2 CE2 CE1 CE1 CE2 CE1"
PREDICTED_5 = "O CE2 CE1 CE2 - -"


def percent(value: float) -> object:
    return pytest.approx(value / 100, abs=5.1e-5)  # the scorer prints two decimals


def expand(short: str) -> list[str]:
    relations = {"".join(word[0] for word in relation.split("-")): relation for relation in RELATIONS}
    ways = {"1": "(e1,e2)", "2": "(e2,e1)"}
    return ["Other" if label in "O-" else relations[label[:2]] + ways[label[2]] for label in short.split()]


def read_labels(name: str) -> dict[str, str]:
    return dict(line.split("\t") for line in (FIXTURES / name).read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize(
    ("key", "predicted", "macro", "micro"),
    [
        (KEY_1, PREDICTED_1, (81.48, 54.44, 64.09), (76.19, 48.48, 59.26)),
        (KEY_3, PREDICTED_3, (16.67, 8.33, 11.11), (25.00, 14.29, 18.18)),
        (KEY_5, PREDICTED_5, (66.67, 33.33, 44.44), (66.67, 33.33, 44.44)),
    ],
    ids=["1 items without a prediction", "3 labels absent from the key", "5 Other absent from the key"],
)
def test_the_official_score_is_what_the_scorer_prints_for_its_small_fixtures(
    key: str, predicted: str, macro: tuple[float, ...], micro: tuple[float, ...]
) -> None:
    scores = official(expand(key), expand(predicted))
    for average, printed in ((scores.macro, macro), (scores.micro, micro)):
        assert (average.precision, average.recall, average.f1) == tuple(map(percent, printed))


@pytest.mark.parametrize(("key", "predicted", "f1"), [(KEY_1, PREDICTED_1, 59.26), (KEY_5, PREDICTED_5, 44.44)])
def test_micro_f1_is_the_scorers_directed_micro_average_where_the_key_has_every_predicted_label(
    key: str, predicted: str, f1: float
) -> None:
    assert micro_f1(expand(key), expand(predicted), "Other") == percent(f1)


@with_fixtures
@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_the_scores_are_those_of_the_scorers_own_result_files(number: int) -> None:
    key, proposed = read_labels(f"answer_key{number}.txt"), read_labels(f"proposed_answer{number}.txt")
    predicted = [proposed.get(item, "Other") for item in key]
    printed = (FIXTURES / f"result_scores{number}.txt").read_text(encoding="utf-8")
    directed_micro, *_, micro, macro = map(float, re.findall(r"averaged result.*\n.*F1 = +([\d.]+)%", printed))
    scores = official(list(key.values()), predicted)
    assert scores.macro.f1 == percent(macro)
    assert scores.micro.f1 == percent(micro)
    if number != 3:  # its predictions hold labels that its key lacks, which the scorer alone takes for Other
        assert micro_f1(list(key.values()), predicted, "Other") == percent(directed_micro)


@with_fixtures
def test_misspelt_labels_are_an_error_as_they_are_to_the_scorer_in_its_fixture_4() -> None:
    proposed = list(read_labels("proposed_answer4.txt").values())
    with pytest.raises(ValueError, match=re.escape("Message-Topc(e1,e2)")):
        official(proposed, proposed)


@pytest.mark.parametrize("label", ["Message-Topc(e1,e2)", "Cause-Effect(e1, e2)", "Cause-Effect", "other"])
def test_a_label_that_the_task_does_not_have_is_an_error(label: str) -> None:
    with pytest.raises(ValueError, match=re.escape(label)):
        official(["Other"], [label])


def test_the_official_score_is_one_when_all_is_right_and_zero_when_directions_are_wrong_or_all_is_other() -> None:
    gold = sorted(LABELS)
    swapped = [label.translate(str.maketrans("12", "21")) for label in gold]
    assert official(gold, gold).macro.f1 == 1
    assert official(gold, swapped).macro.f1 == 0
    assert official(["Other"], ["Other"]).macro.f1 == 0


def test_semeval_is_known_by_its_labels() -> None:
    assert is_semeval(LABELS)
    assert is_semeval(LABELS - {"Entity-Destination(e2,e1)"})
    assert not is_semeval({"founded_by", "Other"})
