"""The page of written sentences in a browser: two columns, filters, search, and nothing but text in the texts."""

import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from relseed.report.sentences import highlighted, sentences_page
from relseed.tasks.relation.written import Accepted, Rejected
from tests.browser import REQUESTS, ask
from tests.evaluations import accepted, rejected
from tests.strategies import sentences

ODD = '<b>"odd"</b> & more'
SCRIPT = "<script>window.broken = true</script>"
KEPT = [
    accepted("<e1>Ida</e1> brewed <e2>green tea</e2>.", 1, ("PERSON", "DRINK")),
    accepted("The <e2>blue cup</e2> was mended by <e1>Ole</e1>.", 2, relation="mends"),
    accepted("Each dawn <e1>Runa</e1> brews <e2>black tea</e2>.", 3, method="one_by_one"),
    accepted(f"<e1>Sol</e1> {SCRIPT} & <i>wrote</i> <e2>'<u>'</e2> <s>twice</s>.", 4, ('"><u>', "X"), relation=ODD),
]
REFUSED = [
    rejected("Ole mends cups.", 5),
    rejected(
        "<e1>Ida</e1> brewed <e2>green tea</e2>.",
        6,
        relation="brews",
        method="one_by_one",
        head_type="PERSON",
        check="copy",
        reason="like the seed train-3 (similarity 1.00)",
    ),
    rejected(f"Tea. {SCRIPT}", 7, relation="brews", check="length", reason="<b>1</b> words, not 6 to 60"),
]
TOOLS = """
    const choose = (values) => ["relation", "method", "check", "search"].forEach(id => {
        const field = document.getElementById(id);
        field.value = values[id] ?? "";
        field.dispatchEvent(new Event("input", { bubbles: true }));
    });
    const seen = (column) => [...document.querySelectorAll(`#${column} li`)].filter(row => row.getClientRects().length);
    const number = (row) => Number(row.querySelector("small").textContent.match(/\\/0\\/(\\d+)/)[1]);
    const count = (column) => document.querySelector(`#${column} output`).textContent;
    const box = (selector) => document.querySelector(selector).getBoundingClientRect();
    const marks = (row) => [...row.querySelectorAll("mark")].map(one => [one.className, one.title, one.textContent]);
"""
FILTERS: dict[str, tuple[dict[str, str], list[int], list[int]]] = {
    "nothing is chosen": ({}, [1, 2, 3, 4], [5, 6, 7]),
    "a relation": ({"relation": "brews"}, [1, 3], [6, 7]),
    "a method": ({"method": "one_by_one"}, [3], [6]),
    "a check leaves the kept": ({"check": "copy"}, [1, 2, 3, 4], [6]),
    "relation and method": ({"relation": "brews", "method": "all_at_once"}, [1], [7]),
    "relation, method and check": ({"relation": "brews", "method": "one_by_one", "check": "length"}, [3], []),
    "a relation with HTML in it": ({"relation": ODD}, [4], []),
    "a word": ({"search": "tea"}, [1, 3], [6, 7]),
    "all words, in any order and case": ({"search": " TEA  runa "}, [3], []),
    "words of a mention and around it": ({"search": "mended by ole"}, [2], []),
    "an id": ({"search": "mends/0/5"}, [], [5]),
    "a reason": ({"search": "train-3 (similarity"}, [], [6]),
    "a word and a method": ({"search": "tea", "method": "all_at_once"}, [1], [7]),
    "what no sentence has": ({"search": "coffee"}, [], []),
}


def page(folder: Path, kept: Sequence[Accepted] = KEPT, refused: Sequence[Rejected] = REFUSED) -> Path:
    path = folder / "sentences.html"
    path.write_text(sentences_page("<i>Teahouse</i>", {"kept": kept}, {"refused": refused}), encoding="utf-8")
    return path


def look(path: Path, folder: Path, answer: str, *, width: int = 1200) -> Any:
    """What a function body returns in the page, `TOOLS` at hand."""
    return ask(path, f"(() => {{ {TOOLS} {answer} }})()", folder, width=width)


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All that the tests ask of one page in a window of 1,200 pixels; a browser is slow to start."""
    folder = tmp_path_factory.mktemp("wide")
    choices = json.dumps([choice for choice, _, _ in FILTERS.values()])
    answer = f"""
        const first = {{
            boxes: ["#kept", "#rejected"].map(box),
            marks: ["kept", "rejected"].map(column => seen(column).map(marks)),
            colours: [...new Set([...document.querySelectorAll("mark")]
                .map(one => one.className + " " + getComputedStyle(one).backgroundColor))],
            options: ["relation", "method", "check"]
                .map(id => [...document.getElementById(id).options].map(one => one.text)),
            texts: ["kept", "rejected"].map(column => seen(column).map(row => row.innerText)),
            title: document.querySelector("p").innerText,
            elements: document.querySelectorAll("main :is(script, i, b, u, s), p i").length,
            broken: typeof window.broken,
            requests: {REQUESTS},
        }};
        const filtered = {choices}.map(choice => {{
            choose(choice);
            return ["kept", "rejected"].map(column => [seen(column).map(number), count(column)]);
        }});
        return {{ ...first, filtered }};
    """
    return look(page(folder), folder, answer)


def test_kept_and_rejected_stand_side_by_side(wide: dict[str, Any]) -> None:
    kept, refused = wide["boxes"]
    assert kept["top"] == refused["top"]
    assert 0 < kept["right"] < refused["left"] < refused["right"] <= 1200
    assert kept["width"] == pytest.approx(refused["width"])


def test_a_narrow_screen_gets_one_column_and_nothing_to_scroll_sideways(tmp_path: Path) -> None:
    long = accepted(f"<e1>{'Ida' * 60}</e1> brewed <e2>tea</e2>.", 1)
    sizes = "return [box('#kept'), box('#rejected'), document.documentElement.scrollWidth]"
    kept, refused, width = look(page(tmp_path, [long]), tmp_path, sizes, width=500)
    assert refused["top"] >= kept["bottom"]
    assert refused["left"] == kept["left"]
    assert width <= 500


@pytest.mark.parametrize("name", FILTERS)
def test_only_the_sentences_that_fit_are_shown(wide: dict[str, Any], name: str) -> None:
    shown = wide["filtered"][list(FILTERS).index(name)]
    assert [numbers for numbers, _ in shown] == list(FILTERS[name][1:])


@pytest.mark.parametrize("name", FILTERS)
def test_the_counts_follow_what_is_shown(wide: dict[str, Any], name: str) -> None:
    shown = wide["filtered"][list(FILTERS).index(name)]
    assert [count for _, count in shown] == [str(len(numbers)) for numbers in FILTERS[name][1:]]


def test_each_relation_method_and_check_can_be_chosen_once(wide: dict[str, Any]) -> None:
    assert wide["options"] == [
        ["all", "brews", "mends", ODD],
        ["all", "all_at_once", "one_by_one"],
        ["any check", "mention_missing", "copy", "length"],
    ]


def test_mentions_are_highlighted_with_their_types_as_title(wide: dict[str, Any]) -> None:
    kept, _ = wide["marks"]
    assert kept[0] == [["head", "head, PERSON", "Ida"], ["tail", "tail, DRINK", "green tea"]]


def test_a_mention_without_a_type_is_highlighted_all_the_same(wide: dict[str, Any]) -> None:
    kept, _ = wide["marks"]
    assert kept[1] == [["tail", "tail", "blue cup"], ["head", "head", "Ole"]]


def test_head_and_tail_have_a_colour_each(wide: dict[str, Any]) -> None:
    assert len(wide["colours"]) == 2
    assert len({colour.partition(" ")[2] for colour in wide["colours"]}) == 2


def test_a_rejected_sentence_is_highlighted_where_its_tags_can_be_read(wide: dict[str, Any]) -> None:
    _, refused = wide["marks"]
    assert [[text for _, _, text in row] for row in refused] == [[], ["Ida", "green tea"], []]


def test_a_rejected_sentence_shows_the_types_that_its_answer_gave(wide: dict[str, Any]) -> None:
    _, refused = wide["marks"]
    assert [title for _, title, _ in refused[1]] == ["head, PERSON", "tail"]


def test_a_rejected_sentence_says_which_check_it_failed_and_why(wide: dict[str, Any]) -> None:
    _, refused = wide["texts"]
    assert "copy: like the seed train-3 (similarity 1.00)" in refused[1]
    assert "mention_missing: no tag" in refused[0]


def test_html_in_texts_labels_types_and_reasons_is_shown_as_it_is_and_does_nothing(wide: dict[str, Any]) -> None:
    (*_, kept), (*_, refused) = wide["texts"]
    assert kept.startswith(f"Sol {SCRIPT} & <i>wrote</i> '<u>' <s>twice</s>.")
    assert ODD in kept
    assert refused.startswith(f"Tea. {SCRIPT}")
    assert "length: <b>1</b> words, not 6 to 60" in refused
    assert wide["marks"][0][-1][0] == ["head", 'head, "><u>', "Sol"]
    assert wide["title"].startswith("<i>Teahouse</i>.")
    assert (wide["elements"], wide["broken"]) == (0, "undefined")


def test_no_request_leaves_the_page(wide: dict[str, Any], tmp_path: Path) -> None:
    assert wide["requests"] == []
    assert not re.search(r"\s(src|srcset|href|action)=|url\(|@import|<link|<iframe", page(tmp_path).read_text())


def test_a_column_without_sentences_says_so(tmp_path: Path) -> None:
    text = page(tmp_path, [], [rejected()]).read_text()
    kept, refused = text.split('<section id="rejected">')
    assert "None." in kept
    assert "None." not in refused


def test_a_thousand_sentences_are_filtered_and_counted(tmp_path: Path) -> None:
    kept = [accepted(f"<e1>Ida</e1> brewed <e2>tea</e2> on day {number}.", number) for number in range(500)]
    refused = [rejected(f"Ole mends cup {number}.", number) for number in range(500, 1000)]
    answer = """
        const before = ["kept", "rejected"].map(count);
        choose({ search: "777" });
        return [before, ["kept", "rejected"].map(count), seen("rejected").map(number)];
    """
    assert look(page(tmp_path, kept, refused), tmp_path, answer) == [["500", "500"], ["0", "1"], [777]]


class Marked(HTMLParser):
    """The text of some HTML, and what stands in its marks."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.marks, self._role = "", {"head": "", "tail": ""}, ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._role = dict(attrs)["class"] or ""

    def handle_endtag(self, tag: str) -> None:
        self._role = ""

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._role:
            self.marks[self._role] += data


@given(sentences())
def test_whatever_a_sentence_holds_its_text_and_mentions_are_shown_to_the_letter(sentence) -> None:
    html = str(highlighted(sentence))
    shown = Marked(html)
    assert html.count("<") == len(["<mark>", "</mark>"] * 2)
    assert shown.text == sentence.text
    assert shown.marks == {role: getattr(sentence, role).within(sentence.text) for role in ("head", "tail")}
