"""The page of a review in a browser: decided with two keys or by hand, counted, and saved as a sheet."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from relseed.records.reviews import Decision
from relseed.review.page import review_page
from relseed.review.sheet import row_of
from relseed.tasks.relation import TASK, Relation, Schema
from relseed.tasks.task import load_task
from tests.browser import REQUESTS, look
from tests.reviews import RELATIONS, decided, decisions, exported, imported, prepare, sentence

SCRIPT = "<script>window.broken = true</script>"
ODD = "=cmd|'\"odd\"&amp;'!A0"
RELATIONS_HERE = [*RELATIONS, Relation(relation=ODD, head_type="PERSON", tail_type="BOAT", definition=f"{SCRIPT} & so")]
SCHEMA = Schema(relations=tuple(RELATIONS_HERE))
EXAMPLES = [
    sentence("all_at_once/owns/0/0", "At last <e1>Marit</e1> has paid for the <e2>Sula</e2>."),
    sentence("all_at_once/rows/0/0", "Each morning the <e2>Petrel</e2> goes out, <e1>Tove</e1> at the oars."),
    sentence("all_at_once/owns/0/1", f"The <e2>Otra</e2> is a gift that <e1>Ola</e1> got. {SCRIPT} <i>&amp;</i>"),
    sentence("all_at_once/rows/0/1", "<e1>Ane</e1> rows the <e2>Grey Heron</e2>."),
]
NOTE = '\n=1+1, "so"\nit is; \'\u2019'
TOOLS = """
    const press = (key, on = document.body, more = {}) =>
        on.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, ...more }));
    const items = [...document.querySelectorAll("li")];
    const state = () => items.map(item => item.querySelector("select").value);
    const at = () => items.indexOf(document.activeElement);
    const said = () => document.querySelector("output").textContent;
    const reset = () => {
        for (const item of items) {
            item.querySelector("select").value = item.querySelector("textarea").value = "";
            item.querySelector("select").dispatchEvent(new Event("input", { bubbles: true }));
        }
        document.activeElement.blur();
        form.label.value = "";
        form.undecided.checked = false;
        form.keys.checked = true;
        form.dispatchEvent(new Event("input"));
    };
    const ask = (set) => { reset(); return set(); };
    const leave = () => !window.dispatchEvent(new Event("beforeunload", { cancelable: true }));
"""


def page(folder: Path, decided: dict[str, Decision] | None = None) -> Path:
    path = folder / "page.html"
    rows = [row_of(example, TASK, SCHEMA, decided or {}) for example in EXAMPLES]
    path.write_text(review_page("<i>all_at_once</i>", rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All that the tests ask of one page; a browser is slow to start."""
    folder = tmp_path_factory.mktemp("page")
    body = f"""
        {TOOLS}
        const first = {{
            texts: items.map(item => item.innerText),
            marks: items.map(marks),
            choices: items.map(item => [...item.querySelector("select").options].map(option => option.value)),
            said: said(),
            leaves: leave(),
            elements: document.querySelectorAll("main :is(script, i, b b), h1 i").length,
            broken: typeof window.broken,
            requests: {REQUESTS},
            labels: options("label"),
            unnamed: [...document.querySelectorAll("select, textarea, input")].filter(field => !field.labels.length)
                .length,
            described: items.map(item => item.querySelector("[role=group]").getAttribute("aria-labelledby"))
                .map(id => document.getElementById(id).textContent),
        }};
        const pressed = ask(() => {{ press("k"); press("D"); return [state(), at(), said(), leave()]; }});
        const focused = ask(() => {{ items[2].focus(); press("d", items[2]); return [state(), at()]; }});
        const inside = ask(() => {{
            const button = items[1].querySelector("button");
            button.focus();
            press("k", button);
            return [state(), at()];
        }});
        const letters = ask(() => {{
            for (const field of items[0].querySelectorAll("textarea, select")) {{ field.focus(); press("k", field); }}
            return state();
        }});
        const modified = ask(() => {{ press("d", document.body, {{ ctrlKey: true }}); press("x"); return state(); }});
        const off = ask(() => {{ form.keys.checked = false; press("k"); return state(); }});
        const hidden = ask(() => {{
            form.label.value = "rows";
            form.dispatchEvent(new Event("input"));
            press("k");
            press("d");
            return [state(), at(), seen("li").length];
        }});
        const open = ask(() => {{
            press("k");
            form.undecided.checked = true;
            form.dispatchEvent(new Event("input"));
            return seen("li").map(item => items.indexOf(item));
        }});
        const clicked = ask(() => {{
            items[1].querySelector("button[value=drop]").click();
            const buttons = [...items[1].querySelectorAll("button")];
            return [state(), at(), buttons.map(button => button.getAttribute("aria-pressed"))];
        }});
        const chosen = ask(() => {{
            items[0].querySelector("select").value = "relabel rows";
            items[0].querySelector("select").dispatchEvent(new Event("input", {{ bubbles: true }}));
            return [said(), items[0].dataset.decision];
        }});
        const saved = ask(() => {{
            press("k");
            items[2].querySelector("select").value = {json.dumps(f"relabel {ODD}")};
            items[2].querySelector("textarea").value = {json.dumps(NOTE)};
            items[3].querySelector("textarea").value = "unsure";
            let name = "", type = "";
            HTMLAnchorElement.prototype.click = function () {{ name = this.download; }};
            URL.createObjectURL = blob => {{ type = blob.type; return "blob:x"; }};
            document.querySelector("#save").click();
            return {{ text: csv(), name, type, leaves: leave() }};
        }});
        return {{ first, pressed, focused, inside, letters, modified, off, hidden, open, clicked, chosen, saved }};
    """
    return look(page(folder), body, folder)


# What it shows


def test_a_text_stands_with_its_mentions_its_label_and_the_definition(shown: dict[str, Any]) -> None:
    [text, *_] = shown["first"]["texts"]
    assert text.startswith("At last Marit has paid for the Sula.\n\nowns: the head owns the tail\nall_at_once/owns/0/0")
    assert shown["first"]["marks"][0] == [["head", "head, PERSON", "Marit"], ["tail", "tail, BOAT", "Sula"]]


def test_a_text_can_be_relabelled_as_its_types_allow(shown: dict[str, Any]) -> None:
    assert shown["first"]["choices"][0] == ["", "keep", "drop", "relabel rows", "relabel none", f"relabel {ODD}"]
    assert shown["first"]["choices"][1] == ["", "keep", "drop", "relabel owns", "relabel none", f"relabel {ODD}"]


def test_html_in_texts_and_definitions_is_shown_as_it_is_and_does_nothing(shown: dict[str, Any]) -> None:
    assert f"got. {SCRIPT} <i>&amp;</i>" in shown["first"]["texts"][2]
    assert (shown["first"]["elements"], shown["first"]["broken"]) == (0, "undefined")


def test_no_request_leaves_the_page(shown: dict[str, Any], tmp_path: Path) -> None:
    assert shown["first"]["requests"] == []
    assert not re.search(r"\s(src|srcset|href|action)=|url\(|@import|<link|<iframe", page(tmp_path).read_text())


def test_every_field_has_a_label_and_the_fields_of_an_example_are_named_by_its_text(shown: dict[str, Any]) -> None:
    assert shown["first"]["unnamed"] == 0
    assert shown["first"]["described"][0] == "At last Marit has paid for the Sula."


def test_a_narrow_screen_has_nothing_to_scroll_sideways(tmp_path: Path) -> None:
    width = look(page(tmp_path), "return document.documentElement.scrollWidth", tmp_path, width=500)
    assert width <= 500


def test_a_question_can_be_reviewed_too(tmp_path: Path) -> None:
    task = load_task("yes_no")
    fields = {"id": "all_at_once/true/0/1", "question": "Is it tea?", "answer": True, "method": "all_at_once"}
    row = row_of(task.example_type.model_validate(fields), task, task.fixed_schema, {})
    path = tmp_path / "page.html"
    path.write_text(review_page("all_at_once", [row]), encoding="utf-8")
    body = f"{TOOLS} press('k'); return [state(), options('label'), items[0].innerText, csv()]"
    state, labels, text, saved = look(path, body, tmp_path)
    assert (state, labels) == (["keep"], ["all", "true"])
    assert text.startswith("Is it tea?\n\ntrue: the answer to the question is yes")
    assert f'"all_at_once/true/0/1","keep","","{row.hash}"' in saved


# Deciding


def test_k_keeps_and_d_drops_the_first_undecided_example_and_goes_on(shown: dict[str, Any]) -> None:
    state, at, said, _ = shown["pressed"]
    assert state == ["keep", "drop", "", ""]
    assert at == 2
    assert said == "2 of 4 decided: 1 keep, 1 drop, 0 relabel"


def test_the_keys_are_for_the_example_that_has_the_focus_or_one_of_its_buttons(shown: dict[str, Any]) -> None:
    assert shown["focused"] == [["", "", "drop", ""], 3]
    assert shown["inside"] == [["", "keep", "", ""], 2]


def test_in_a_note_or_a_choice_the_keys_are_letters(shown: dict[str, Any]) -> None:
    assert shown["letters"] == [""] * 4


def test_other_keys_and_shortcuts_of_the_browser_decide_nothing(shown: dict[str, Any]) -> None:
    assert shown["modified"] == [""] * 4


def test_the_keys_can_be_switched_off(shown: dict[str, Any]) -> None:
    assert shown["off"] == [""] * 4


def test_with_one_label_shown_the_keys_pass_over_the_others(shown: dict[str, Any]) -> None:
    assert shown["first"]["labels"] == ["all", "owns", "rows"]
    assert shown["hidden"] == [["", "keep", "", "drop"], 3, 2]


def test_what_is_decided_can_be_hidden(shown: dict[str, Any]) -> None:
    assert shown["open"] == [1, 2, 3]


def test_a_button_decides_and_shows_that_it_is_pressed(shown: dict[str, Any]) -> None:
    assert shown["clicked"] == [["", "drop", "", ""], 2, ["false", "true"]]


def test_a_choice_is_counted_by_its_kind(shown: dict[str, Any]) -> None:
    assert shown["chosen"] == ["1 of 4 decided: 0 keep, 0 drop, 1 relabel", "relabel"]


def test_a_page_with_unsaved_decisions_asks_before_it_is_left(shown: dict[str, Any]) -> None:
    assert (shown["first"]["leaves"], shown["pressed"][-1], shown["saved"]["leaves"]) == (False, True, False)


# Saving


def test_the_button_saves_a_csv_file_that_names_the_method(shown: dict[str, Any]) -> None:
    assert shown["saved"]["name"] == "<i>all_at_once</i>-decisions.csv"
    assert shown["saved"]["type"] == "text/csv"


def test_what_the_page_saves_is_imported_to_the_letter(
    shown: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    prepare(EXAMPLES, RELATIONS_HERE)
    Path("saved.csv").write_text(shown["saved"]["text"], encoding="utf-8", newline="")
    imported(Path("saved.csv"))
    assert decided() == {EXAMPLES[0].id: "keep", EXAMPLES[2].id: f"relabel {ODD}"}
    assert decisions()[1]["note"] == NOTE.strip()
    assert f"such as that of {EXAMPLES[3].id}" in capsys.readouterr().out


def test_a_saved_cell_is_no_formula_to_a_spreadsheet(tmp_path: Path) -> None:
    cells = ["=1", " +1", "-x", "@x", "\tx", "'=1", "＝1", "'tis", "plain"]
    body = f"""
        {TOOLS}
        return {json.dumps(cells)}.map(cell => {{
            items[0].querySelector("textarea").value = cell;
            return csv().split("\\r\\n")[1].split(",")[2];
        }});
    """
    written = ['"\'=1"', '"\' +1"', '"\'-x"', '"\'@x"', '"\'\tx"', "\"''=1\"", '"\'＝1"', '"\'tis"', '"plain"']
    assert look(page(tmp_path), body, tmp_path) == written


def test_what_was_decided_before_stands_in_the_page(tmp_path: Path) -> None:
    [first, *_] = EXAMPLES
    hash = row_of(first, TASK, SCHEMA, {}).hash
    before = Decision(id=first.id, decision="relabel", label="rows", note=NOTE, hash=hash)
    body = f"{TOOLS} return [state(), items[0].querySelector('textarea').value, said(), leave()]"
    state, note, said, leaves = look(page(tmp_path, {first.id: before}), body, tmp_path)
    assert state == ["relabel rows", "", "", ""]
    assert note == NOTE
    assert said == "1 of 4 decided: 0 keep, 0 drop, 1 relabel"
    assert not leaves


def test_the_command_writes_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    prepare(EXAMPLES, RELATIONS_HERE)
    exported(output=Path("sheet.html"))
    assert Path("sheet.html").read_text(encoding="utf-8").count("<li ") == len(EXAMPLES)
