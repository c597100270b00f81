"""The report as one HTML page: what it says, and what a browser shows of it."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from relseed.evaluation.record import Evaluation, PretrainingStep
from relseed.generation.summary import MethodSummary
from relseed.report.page import Confusion, most_confused, page_of
from relseed.report.table import Table
from tests.browser import FIGURES, REQUESTS, ask
from tests.evaluations import CARD, evaluation, summary, unreliable, wire

SVG = re.compile(r"<svg.*?</svg>", re.DOTALL)
LONG = tuple(f"a_label_with_a_long_name_{number}" for number in range(42))


def page(*evaluations: Evaluation, methods: Sequence[MethodSummary] = (), card: Mapping[str, Any] = CARD) -> str:
    systems = {evaluation.system: evaluation for evaluation in evaluations}
    return page_of(card, systems, {summary.method: summary for summary in methods}, [], Table([], []), {})


def written(text: str, folder: Path) -> Path:
    path = folder / "report.html"
    path.write_text(text)
    return path


class Loads(HTMLParser):
    """Collects what a browser would fetch for a page, and every id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "srcset", "href", "xlink:href", "data", "poster", "action"):
                self.addresses.append(f"{tag} {value}")
            if name == "id":
                self.ids.append(value or "")


def test_the_most_frequent_confusions_come_first_and_right_answers_never() -> None:
    counts = [[90, 1, 5], [7, 0, 0], [0, 0, 4]]
    assert most_confused(evaluation(confusion=counts)) == [
        Confusion("mends", "brews", 7, 1.0),
        Confusion("brews", "none", 5, 5 / 96),
        Confusion("brews", "mends", 1, 1 / 96),
    ]


def test_the_page_loads_nothing_and_links_to_the_errors_alone() -> None:
    text = page(evaluation())
    assert Loads(text).addresses == ["a errors.html"]
    assert not re.search(r"url\(|@import|<script|<link|<iframe", text)


def test_the_page_links_to_the_examples_of_each_method_where_there_are_some() -> None:
    addresses = Loads(page(evaluation(), methods=[summary(), summary("one_by_one")])).addresses
    assert addresses == ["a errors.html", "a examples/all_at_once.html", "a examples/one_by_one.html"]


def test_the_page_has_the_table_of_what_the_methods_wrote() -> None:
    text = words(page(evaluation(), methods=[summary()]))
    assert "all_at_once 4 5 3 2 0.00100 0.92 0.250 → 0.250" in text


def words(text: str) -> str:
    """What a reader of the page sees, figures left out."""
    return " ".join(re.sub(r"<[^>]*>", " ", SVG.sub("", text)).split())


def test_the_page_says_what_can_be_relied_on_and_what_the_figures_mean() -> None:
    text = words(page(evaluation()))
    assert "gold 0.62 75.0 ± 5.0 25.0 0.062" in text
    assert "gold 80 % 30.0 ± 1.0 25.0 – 35.0 40.0 ± 2.0 36.0 – 44.0" in text
    assert "Below the threshold, fitted to held-out examples, the answer is the negative label." in text
    assert "Wire:" not in text


def test_the_page_says_how_much_running_text_was_labelled() -> None:
    text = words(page(evaluation(wire=wire())))
    assert "all of whose 40 pairs of mentions are labelled, 8 of them with a relation" in text


def test_a_page_of_a_dataset_without_a_negative_label_says_nothing_of_negatives() -> None:
    text = words(page(evaluation(reliability=unreliable())))
    assert "What can be relied on" not in text
    assert "Reliability" in text  # the probabilities can be, or not


def test_figures_draw_accuracy_over_probability_beside_the_diagonal_and_risk_over_coverage() -> None:
    figures = SVG.findall(page(evaluation()))
    [reliable] = [figure for figure in figures if "share that is right" in figure]
    [risk] = [figure for figure in figures if "share that is wrong" in figure]
    assert 'd="M165,150L270,0"' in reliable  # (0.55, 0.5) and (0.9, 1), 300 pixels wide and high, y from above
    assert 'd="M0,300L300,0"' in reliable
    assert 'd="M150,300L300,11.538"' in risk  # (0.5, 0) and (1, 0.25), on an axis up to 0.26


def test_the_page_holds_six_figures_for_each_system_and_no_id_twice() -> None:
    text = page(evaluation("gold"), evaluation("silver"))
    figures = SVG.findall(text)
    assert len(figures) == 12
    assert all(ElementTree.fromstring(figure).tag.endswith("svg") for figure in figures)
    assert [name for name, times in Counter(Loads(text).ids).items() if times > 1] == []


def test_the_two_losses_of_a_pre_training_are_a_seventh_figure() -> None:
    steps = [PretrainingStep(step=step, mslm=2 / step, scl=1 / step) for step in (1, 2, 3)]
    text = page(evaluation(pretraining=steps))
    assert len(SVG.findall(text)) == 7
    assert sum("MSLM loss" in figure and "SCL loss" in figure for figure in SVG.findall(text)) == 1


def test_the_page_says_what_was_drawn_what_two_lists_share_and_what_the_dataset_is() -> None:
    text = words(page(evaluation()))
    for part in ("0123456789ab", "mends (6)", "seeds in test 0 1", "train-3 test-9 0.88", "CC0-1.0", "a shelf"):
        assert part in text
    assert "brews none 2 20 %" in text
    assert "all 1,500 1,500 1,500" in text


def test_labels_are_escaped_in_text_and_figures() -> None:
    labels = ("<b>", "a & b", "none")
    text = page(evaluation(labels=labels), card=CARD | {"labels": dict.fromkeys(labels, CARD["labels"]["none"])})
    assert "<b>" not in text
    assert all("&lt;b&gt;" in part for part in (SVG.sub("", text), *SVG.findall(text)[:2]))


def test_a_label_without_test_examples_is_drawn_empty() -> None:
    text = page(evaluation(confusion=[[1, 0, 0], [0, 0, 0], [0, 0, 1]]))
    assert all("NaN" not in figure for figure in SVG.findall(text))


def test_all_of_42_labels_can_be_read_in_the_confusion_matrix() -> None:
    texts = Counter(re.findall(r">([^<>]+)</text>", page(evaluation(labels=LONG))))
    assert all(texts[label] == 2 for label in LONG)


def test_a_browser_without_network_draws_every_figure(tmp_path: Path) -> None:
    shown = written(page(evaluation()), tmp_path)
    assert ask(shown, f"[{FIGURES}, {REQUESTS}]", tmp_path) == [6, []]


def test_the_name_and_the_micro_f1_of_a_system_are_bold_in_the_table_and_nothing_else(tmp_path: Path) -> None:
    shown = written(page(evaluation()), tmp_path)
    bold = """[...document.querySelectorAll("tbody td")]
        .filter(cell => getComputedStyle(cell).fontWeight >= 600).map(cell => cell.textContent)"""
    assert ask(shown, bold, tmp_path) == ["gold", "65.1 ± 1.2"]


def test_the_page_does_not_scroll_sideways_on_a_phone(tmp_path: Path) -> None:
    shown = written(page(evaluation(labels=LONG), methods=[summary()]), tmp_path)
    assert ask(shown, "document.documentElement.scrollWidth", tmp_path, width=500) <= 500
