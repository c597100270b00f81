"""The page of what a method wrote in a browser: two columns, filters, search, and nothing but text in the texts."""

import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given

from relseed.pipeline.errors import UserError
from relseed.records.candidates import Rejected
from relseed.records.files import write_json_lines, write_records
from relseed.report.browser import browser_page
from relseed.report.segments import highlighted
from relseed.tasks.relation import TASK, Example, Sentence
from relseed.tasks.task import load_task
from stages import browse
from tests.browser import REQUESTS, look
from tests.evaluations import accepted, rejected
from tests.strategies import sentences

ODD = '<b>"odd"</b> & more'
SCRIPT = "<script>window.broken = true</script>"
ACCEPTED = [
    accepted("<e1>Ida</e1> brewed <e2>green tea</e2>.", 1, ("PERSON", "DRINK")),
    accepted("The <e2>blue cup</e2> was mended by <e1>Ole</e1>.", 2, relation="mends"),
    accepted("Each dawn <e1>Runa</e1> brews <e2>black tea</e2>.", 3),
    accepted(f"<e1>Sol</e1> {SCRIPT} & <i>wrote</i> <e2>'<u>'</e2> <s>twice</s>.", 4, ('"><u>', "X"), relation=ODD),
]
REJECTED = [
    rejected("Ole mends cups.", 5),
    rejected(
        "<e1>Ida</e1> brewed <e2>green tea</e2>.",
        6,
        label="brews",
        fields={"head_type": "PERSON"},
        rule="copy",
        reason="like the seed train-3 (similarity 1.00)",
    ),
    rejected(f"Tea. {SCRIPT}", 7, label="brews", rule="length", reason="<b>1</b> words, not 6 to 60"),
]
COUNTS = """
    const number = (row) => Number(row.querySelector("small").textContent.match(/\\/0\\/(\\d+)/)[1]);
    const rows = (column) => seen(`#${column} li`);
    const count = (column) => document.querySelector(`#${column} output`).textContent;
"""
FILTERS: dict[str, tuple[dict[str, str], list[int], list[int]]] = {
    "nothing is chosen": ({}, [1, 2, 3, 4], [5, 6, 7]),
    "a label": ({"label": "brews"}, [1, 3], [6, 7]),
    "a rule leaves the accepted": ({"rule": "copy"}, [1, 2, 3, 4], [6]),
    "label and rule": ({"label": "mends", "rule": "length"}, [2], []),
    "a label with HTML in it": ({"label": ODD}, [4], []),
    "a word": ({"search": "tea"}, [1, 3], [6, 7]),
    "all words, in any order and case": ({"search": " TEA  runa "}, [3], []),
    "words of a mention and around it": ({"search": "mended by ole"}, [2], []),
    "an id": ({"search": "mends/0/5"}, [], [5]),
    "a reason": ({"search": "train-3 (similarity"}, [], [6]),
    "a word, a label and a rule": ({"search": "tea", "label": "brews", "rule": "length"}, [1, 3], [7]),
    "what nothing has": ({"search": "coffee"}, [], []),
}


def page(folder: Path, accepted: Sequence[Example] = ACCEPTED, rejected: Sequence[Rejected] = REJECTED) -> Path:
    path = folder / "page.html"
    path.write_text(browser_page(TASK, "<i>all_at_once</i>", accepted, rejected), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All that the tests ask of one page in a window of 1,200 pixels; a browser is slow to start."""
    folder = tmp_path_factory.mktemp("wide")
    choices = json.dumps([choice for choice, _, _ in FILTERS.values()])
    body = f"""
        {COUNTS}
        const columns = ["accepted", "rejected"];
        const first = {{
            boxes: columns.map(column => box(`#${{column}}`)),
            marks: columns.map(column => rows(column).map(marks)),
            colours: [...new Set(seen("mark").map(mark => mark.className + " " + background(mark)))],
            options: ["label", "rule"].map(options),
            texts: columns.map(column => rows(column).map(row => row.innerText)),
            title: document.querySelector("h1").innerText,
            elements: document.querySelectorAll("main :is(script, i, b, u, s), h1 i").length,
            broken: typeof window.broken,
            requests: {REQUESTS},
        }};
        const filtered = {choices}.map(choice => {{
            choose(choice);
            return columns.map(column => [rows(column).map(number), count(column)]);
        }});
        return {{ ...first, filtered }};
    """
    return look(page(folder), body, folder)


def test_accepted_and_rejected_stand_side_by_side(wide: dict[str, Any]) -> None:
    left, right = wide["boxes"]
    assert left["top"] == right["top"]
    assert 0 < left["right"] < right["left"] < right["right"] <= 1200
    assert left["width"] == pytest.approx(right["width"])


def test_a_narrow_screen_gets_one_column_and_nothing_to_scroll_sideways(tmp_path: Path) -> None:
    long = accepted(f"<e1>{'Ida' * 60}</e1> brewed <e2>tea</e2>.", 1)
    sizes = "return [box('#accepted'), box('#rejected'), document.documentElement.scrollWidth]"
    first, second, width = look(page(tmp_path, [long]), sizes, tmp_path, width=500)
    assert second["top"] >= first["bottom"]
    assert second["left"] == first["left"]
    assert width <= 500


@pytest.mark.parametrize("name", FILTERS)
def test_only_what_fits_is_shown(wide: dict[str, Any], name: str) -> None:
    shown = wide["filtered"][list(FILTERS).index(name)]
    assert [numbers for numbers, _ in shown] == list(FILTERS[name][1:])


@pytest.mark.parametrize("name", FILTERS)
def test_the_counts_follow_what_is_shown(wide: dict[str, Any], name: str) -> None:
    shown = wide["filtered"][list(FILTERS).index(name)]
    assert [count for _, count in shown] == [str(len(numbers)) for numbers in FILTERS[name][1:]]


def test_each_label_and_rule_can_be_chosen_once(wide: dict[str, Any]) -> None:
    assert wide["options"] == [["all", "brews", "mends", ODD], ["any rule", "mention_missing", "copy", "length"]]


def test_mentions_are_highlighted_with_their_types_as_title(wide: dict[str, Any]) -> None:
    left, _ = wide["marks"]
    assert left[0] == [["head", "head, PERSON", "Ida"], ["tail", "tail, DRINK", "green tea"]]


def test_a_mention_without_a_type_is_highlighted_all_the_same(wide: dict[str, Any]) -> None:
    left, _ = wide["marks"]
    assert left[1] == [["tail", "tail", "blue cup"], ["head", "head", "Ole"]]


def test_head_and_tail_have_a_colour_each(wide: dict[str, Any]) -> None:
    assert len(wide["colours"]) == 2
    assert len({colour.partition(" ")[2] for colour in wide["colours"]}) == 2


def test_a_rejected_candidate_is_highlighted_where_its_tags_can_be_read(wide: dict[str, Any]) -> None:
    _, right = wide["marks"]
    assert [[text for _, _, text in row] for row in right] == [[], ["Ida", "green tea"], []]


def test_a_rejected_candidate_shows_the_types_that_its_response_gave(wide: dict[str, Any]) -> None:
    _, right = wide["marks"]
    assert [title for _, title, _ in right[1]] == ["head, PERSON", "tail"]


def test_a_rejected_candidate_says_which_rule_rejected_it_and_why(wide: dict[str, Any]) -> None:
    _, right = wide["texts"]
    assert "copy: like the seed train-3 (similarity 1.00)" in right[1]
    assert "mention_missing: no tag" in right[0]


def test_html_in_texts_labels_types_and_reasons_is_shown_as_it_is_and_does_nothing(wide: dict[str, Any]) -> None:
    (*_, left), (*_, right) = wide["texts"]
    assert left.startswith(f"Sol {SCRIPT} & <i>wrote</i> '<u>' <s>twice</s>.")
    assert ODD in left
    assert right.startswith(f"Tea. {SCRIPT}")
    assert "length: <b>1</b> words, not 6 to 60" in right
    assert wide["marks"][0][-1][0] == ["head", 'head, "><u>', "Sol"]
    assert wide["title"] == "Written by <i>all_at_once</i>"
    assert (wide["elements"], wide["broken"]) == (0, "undefined")


def test_no_request_leaves_the_page(wide: dict[str, Any], tmp_path: Path) -> None:
    assert wide["requests"] == []
    assert not re.search(r"\s(src|srcset|href|action)=|url\(|@import|<link|<iframe", page(tmp_path).read_text())


def test_an_empty_column_says_so(tmp_path: Path) -> None:
    left, right = page(tmp_path, [], [rejected()]).read_text().split('<section id="rejected">')
    assert "None." in left
    assert "None." not in right


def test_a_thousand_examples_are_filtered_and_counted(tmp_path: Path) -> None:
    brewed = [accepted(f"<e1>Ida</e1> brewed <e2>tea</e2> on day {number}.", number) for number in range(500)]
    mended = [rejected(f"Ole mends cup {number}.", number) for number in range(500, 1000)]
    body = f"""
        {COUNTS}
        const before = ["accepted", "rejected"].map(count);
        choose({{ search: "777" }});
        return [before, ["accepted", "rejected"].map(count), rows("rejected").map(number)];
    """
    assert look(page(tmp_path, brewed, mended), body, tmp_path) == [["500", "500"], ["0", "1"], [777]]


def test_questions_are_shown_with_their_passages_on_a_quiet_background(tmp_path: Path) -> None:
    task = load_task("yes_no")
    fields = {"id": "all_at_once/true/0/1", "question": "Is it tea?", "passage": "She brewed tea.", "answer": True}
    candidate = {"id": "all_at_once/true/0/2", "method": "all_at_once", "label": "true", "text": "Tea"}
    turned_down = Rejected.model_validate({"candidate": candidate, "rule": "no_question", "reason": "no mark"})
    path = tmp_path / "page.html"
    path.write_text(browser_page(task, "all_at_once", [task.example_type.model_validate(fields)], [turned_down]))
    body = """
        const row = seen("#accepted li")[0];
        return [row.innerText, seen("mark").map(mark => mark.innerText), background(row.querySelector("mark"))];
    """
    text, highlights, colour = look(path, body, tmp_path)
    assert text.startswith("Is it tea? She brewed tea.")
    assert highlights == ["Is it tea?", "Tea"]
    assert colour != "rgb(255, 255, 0)"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the stage reads, in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    Path("params.yaml").write_text(yaml.safe_dump({"task": "relation"}))
    labels = [{"relation": label, "definition": "any"} for label in ("brews", "mends")]
    write_json_lines(Path("labels.jsonl"), labels)
    write_records(Path("accepted/all_at_once.jsonl"), ACCEPTED[:3])
    write_records(Path("rejected/all_at_once.jsonl"), REJECTED)
    return tmp_path


def browsed() -> str:
    browse.main("all_at_once", Path("accepted"), Path("rejected"), Path("labels.jsonl"), Path("examples"))
    return Path("examples/all_at_once.html").read_text()


@pytest.mark.usefixtures("workspace")
def test_the_stage_writes_all_accepted_examples_and_rejected_candidates_of_a_method() -> None:
    text = browsed()
    ids = [example.id for example in ACCEPTED[:3]] + [found.candidate.id for found in REJECTED]
    assert all(f" · {id}" in text for id in ids)
    assert text.count("<li ") == len(ids)


@pytest.mark.usefixtures("workspace")
def test_the_stage_shows_a_method_of_which_nothing_was_accepted() -> None:
    write_records(Path("accepted/all_at_once.jsonl"), [])
    assert browsed().count("<li ") == len(REJECTED)


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("missing", ["accepted", "rejected"])
def test_the_stage_names_what_is_missing_of_a_method(missing: str) -> None:
    Path(f"{missing}/all_at_once.jsonl").unlink()
    with pytest.raises(
        UserError, match=rf"{missing}/all_at_once\.jsonl: file not found: .*dvc repro filter@all_at_once"
    ):
        browsed()
    assert not Path("examples").exists()


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
def test_whatever_a_sentence_holds_its_text_and_mentions_are_shown_to_the_letter(sentence: Sentence) -> None:
    html = str(highlighted(TASK.segments(sentence)))
    shown = Marked(html)
    assert html.count("<") == len(["<mark>", "</mark>"] * 2)
    assert shown.text == sentence.text
    assert shown.marks == {role: getattr(sentence, role).text_of(sentence.text) for role in ("head", "tail")}
