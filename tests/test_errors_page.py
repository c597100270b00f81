"""The page of errors in a browser: every error of every system with what is nearest to it, to filter and to search."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from relseed.evaluation.record import Evaluation, Neighbour, Segment, TestError
from relseed.report.errors import errors_page
from tests.browser import REQUESTS, look
from tests.evaluations import error, evaluation

ODD = '<b>"odd"</b> & more'
SCRIPT = "<script>window.broken = true</script>"
LABELS = ("brews", "mends", ODD, "none")


def words(text: str) -> tuple[Segment, ...]:
    return ((text, None, None),)


def near(id: str, label: str, origin: str, text: str, similarity: float = 0.5) -> Neighbour:
    return Neighbour(id=id, label=label, origin=origin, similarity=similarity, segments=words(text))


NEAREST = (
    near("train-3", "mends", "seed", "Ole mends cups.", 0.875),
    near("all_at_once/brews/0/1", "brews", "all_at_once", "Sol brews cocoa."),
    near("one_by_one/mends/2/0", "mends", "one_by_one", "Runa mends shoes.", -0.25),
)
ERRORS: dict[str, list[TestError]] = {
    "gold": [
        error("brews", "mends", id="test-1", seed=1, nearest=NEAREST),
        error("brews", "none", id="test-2", seed=2, segments=words("Ida brewed coffee.")),
        error(ODD, "none", id="test-3", seed=2, segments=words(f"{SCRIPT} & <i>more</i>"), nearest=()),
    ],
    "diverse": [
        error("mends", "brews", id="test-4", seed=1, probability=0.98765, segments=words("Ole mends roofs.")),
        error("none", ODD, id="test-1", seed=1, nearest=[near(SCRIPT, ODD, "<u>", "<s>struck</s>")]),
    ],
}
ROWS = """
    const ids = () => seen("#errors > li > small").map(line => line.innerText.match(/test-\\d$/)[0]);
    const count = () => document.querySelector("output").textContent;
"""
FILTERS: dict[str, tuple[dict[str, str], list[str]]] = {
    "nothing is chosen": ({}, ["test-1", "test-2", "test-3", "test-4", "test-1"]),
    "a system": ({"system": "diverse"}, ["test-4", "test-1"]),
    "a right label": ({"label": "brews"}, ["test-1", "test-2"]),
    "a predicted label": ({"predicted": "none"}, ["test-2", "test-3"]),
    "a random seed": ({"seed": "2"}, ["test-2", "test-3"]),
    "a right and a predicted label": ({"label": "brews", "predicted": "mends"}, ["test-1"]),
    "a system and a random seed": ({"system": "gold", "seed": "1"}, ["test-1"]),
    "a label with HTML in it": ({"label": ODD}, ["test-3"]),
    "a word": ({"search": "coffee"}, ["test-2"]),
    "all words, in any order and case": ({"search": " ROOFS  ole "}, ["test-4"]),
    "an id": ({"search": "test-4"}, ["test-4"]),
    "a word of a training example": ({"search": "cocoa"}, ["test-1"]),
    "the method that wrote a training example": ({"search": "one_by_one"}, ["test-1"]),
    "a word and a system": ({"search": "test-1", "system": "diverse"}, ["test-1"]),
    "what no error has": ({"search": "lemonade"}, []),
}


def page(folder: Path, errors: Mapping[str, list[TestError]] = ERRORS) -> Path:
    systems: dict[str, Evaluation] = {
        name: evaluation(name, LABELS, errors=of_system) for name, of_system in errors.items()
    }
    path = folder / "errors.html"
    path.write_text(errors_page("<i>Teahouse</i>, K = 8", systems), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All that the tests ask of one page in a window of 1,200 pixels; a browser is slow to start."""
    folder = tmp_path_factory.mktemp("wide")
    choices = json.dumps([choice for choice, _ in FILTERS.values()])
    body = f"""
        {ROWS}
        const first = {{
            rows: seen("#errors > li").map(item => Object.values(item.dataset)),
            lines: seen("#errors > li > small").map(line => line.innerText),
            nearest: seen("#errors > li").map(item => [...item.querySelectorAll("ol > li")].map(one => one.innerText)),
            marks: marks(seen("#errors > li")[0]),
            options: ["system", "label", "predicted", "seed"].map(options),
            header: document.querySelector("p").innerText,
            texts: seen("#errors > li").map(item => item.innerText),
            elements: document.querySelectorAll("#errors :is(script, i, b, u, s), p i").length,
            broken: typeof window.broken,
            requests: {REQUESTS},
        }};
        const filtered = {choices}.map(choice => {{ choose(choice); return [ids(), count()]; }});
        return {{ ...first, filtered }};
    """
    return look(page(folder), body, folder)


def test_every_error_of_every_system_is_there_in_order(wide: dict[str, Any]) -> None:
    assert wide["rows"] == [
        [system, error.label, error.predicted, str(error.seed)] for system, found in ERRORS.items() for error in found
    ]


def test_an_error_says_what_is_right_and_what_was_predicted_with_both_probabilities(wide: dict[str, Any]) -> None:
    assert wide["lines"][0] == "brews (p=0.25), predicted mends (p=0.50) · gold, random seed 1 · test-1"
    assert wide["lines"][3] == "mends (p=0.25), predicted brews (p=0.99) · diverse, random seed 1 · test-4"


def test_its_mentions_are_highlighted(wide: dict[str, Any]) -> None:
    assert wide["marks"][:2] == [["head", "head", "Ida"], ["tail", "tail", "tea"]]


def test_the_three_nearest_training_examples_are_below_it_with_label_origin_and_similarity(
    wide: dict[str, Any],
) -> None:
    assert [re.split(r"\s*\n\s*", text) for text in wide["nearest"][0]] == [
        ["Ole mends cups.", "mends · seed · train-3 · similarity 0.88"],
        ["Sol brews cocoa.", "brews · all_at_once · all_at_once/brews/0/1 · similarity 0.50"],
        ["Runa mends shoes.", "mends · one_by_one · one_by_one/mends/2/0 · similarity -0.25"],
    ]


def test_systems_labels_and_random_seeds_can_be_chosen_once_each(wide: dict[str, Any]) -> None:
    assert wide["options"] == [
        ["all", "gold", "diverse"],
        ["any", *LABELS],
        ["any", *LABELS],
        ["any", "1", "2"],
    ]


@pytest.mark.parametrize("name", FILTERS)
def test_only_the_errors_that_fit_are_shown_and_counted(wide: dict[str, Any], name: str) -> None:
    ids, count = wide["filtered"][list(FILTERS).index(name)]
    assert ids == FILTERS[name][1]
    assert count == str(len(ids))


def test_html_in_texts_labels_and_ids_is_shown_as_it_is_and_does_nothing(wide: dict[str, Any]) -> None:
    assert wide["texts"][2].startswith(f"{SCRIPT} & <i>more</i>")
    assert all(part in wide["texts"][4] for part in ("<s>struck</s>", f"{ODD} · <u> · {SCRIPT}"))
    assert wide["header"].startswith("<i>Teahouse</i>, K = 8. Every test example")
    assert (wide["elements"], wide["broken"]) == (0, "undefined")


def test_no_request_leaves_the_page(wide: dict[str, Any], tmp_path: Path) -> None:
    assert wide["requests"] == []
    assert not re.search(r"\s(src|srcset|href|action)=|url\(|@import|<link|<iframe", page(tmp_path).read_text())


def test_a_narrow_screen_has_nothing_to_scroll_sideways(tmp_path: Path) -> None:
    long = error("brews", "mends", id="test-1" * 60, segments=words("tea" * 200), nearest=NEAREST)
    assert (
        look(page(tmp_path, {"gold": [long]}), "return document.documentElement.scrollWidth", tmp_path, width=500)
        <= 500
    )


def test_thousands_of_errors_are_filtered_and_counted(tmp_path: Path) -> None:
    many = [error("brews", "mends", id=f"test-{number}", nearest=NEAREST) for number in range(3000)]
    body = """
        const count = () => document.querySelector("output").textContent;
        const before = count();
        choose({ search: "test-2777" });
        return [before, count()];
    """
    assert look(page(tmp_path, {"gold": many}), body, tmp_path) == ["3000", "1"]


def test_systems_without_an_error_are_said_to_have_none(tmp_path: Path) -> None:
    assert "None: every test example was labelled right." in page(tmp_path, {"gold": []}).read_text()
    assert "None:" not in page(tmp_path).read_text()
