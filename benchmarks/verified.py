"""Sheets that were filled, as the tables of docs/papers/diverse.md and docs/papers/amalrec.md have them.

`amalrec` asks about sentences about entity tuples, the best of each tuple by the index, and `amalrec-random` about one
of each at random; four contexts of Claude filled each, two a whole sheet.

`small-lm` asks about sentences of SmolLM2 (methods `untuned` and `tuned`) and of a large LLM (`one_by_one`), drawn from
120 random ones of each; two contexts of Claude filled it. `small-lm-accuracy.json` has the scores of the verifiers.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.tables import DASH, markdown
from relseed.verification.agreement import kappa, percent_agreement, wilson
from relseed.verification.items import Choice, Item
from relseed.verification.sample import read_key
from relseed.verification.score import accuracy, bootstrap, corrected_accuracy
from relseed.verification.sheet import read_sheet

FOLDER = Path("benchmarks/verification")
SHEET = FOLDER / "small-lm.csv"
FILLED = (FOLDER / "small-lm-a.csv", FOLDER / "small-lm-b.csv")
RANKED = {"amalrec": "by the index", "amalrec-random": "at random"}
METHODS = {"untuned": "SmolLM2", "tuned": "SmolLM2 after DPO", "one_by_one": "Claude"}


def stated() -> str:
    """How many sentences state their relation by two annotators, and among those that the verifiers score so."""
    items = read_key(SHEET)
    sheets = [read_sheet(path, items) for path in FILLED]
    scores = json.loads((FOLDER / "small-lm-accuracy.json").read_text(encoding="utf-8"))
    rows = []
    for method, by in METHODS.items():
        own = [item for item in items if item.method == method]
        good = [item for item in own if scores[item.source] >= 0.7]
        bad = [item for item in own if scores[item.source] < 0.5]
        first = sheets[0]
        rows.append([f"`{method}`, {by}", *_row(own, sheets), _of(good, first), _of(bad, first)])
    for title, gold in (("real sentences", True), ("head and tail exchanged, another relation, co-occurrence", False)):
        own = [item for item in items if item.is_stated is gold]
        rows.append([f"controls: {title}", *_row(own, sheets), DASH, DASH])
    return markdown(["", "sentences", "stated, first", "stated, second", "accuracy ≥ 0.7", "accuracy < 0.5"], rows)


def _row(items: Sequence[Item], sheets: Sequence[Mapping[str, Choice]]) -> list[str]:
    found = [accuracy(items, answers)[0] for answers in sheets]
    low, high = (100 * end for end in wilson(found[0], len(items)))
    percent = [f"{100 * count / len(items):.1f} %" for count in found]
    return [str(len(items)), f"{percent[0]} ({low:.1f} to {high:.1f})", *percent[1:]]


def _of(items: Sequence[Item], answers: Mapping[str, Choice]) -> str:
    return f"{accuracy(items, answers)[0]} of {len(items)}"


def ranked() -> str:
    """How many sentences about entity tuples state their relation, by two annotators: the best, and those at random."""
    rows = []
    for name, title in RANKED.items():
        items = read_key(FOLDER / f"{name}.csv")
        sheets = [read_sheet(FOLDER / f"{name}-{annotator}.csv", items) for annotator in "ab"]
        written = [item for item in items if item.kind == "written"]
        rows.append([title, *_row(written, sheets)])
        ends = [(corrected_accuracy(items, sheet), bootstrap(items, sheet)) for sheet in sheets]
        rows.append([f"{title}, corrected by the controls", DASH, *(_corrected(*found) for found in ends)])
        rows.append([f"{title}: answers that are the same, Cohen's kappa", *_agreement(items, sheets)])
        for method in sorted({str(item.method) for item in written}):
            rows.append([f"{title}: `{method}`", *_row([item for item in written if item.method == method], sheets)])
        for said, gold in (("real sentences", True), ("exchanged, mislabelled, mere co-occurrence", False)):
            own = [item for item in items if item.is_stated is gold]
            rows.append([f"{title}, controls: {said}", *_row(own, sheets)])
    return markdown(["", "sentences", "stated, first", "stated, second"], rows)


def _corrected(value: float | None, ends: tuple[float, float] | None) -> str:
    if value is None or ends is None:
        return DASH
    return f"{100 * value:.1f} % ({100 * ends[0]:.1f} to {100 * ends[1]:.1f})"


def _agreement(items: Sequence[Item], sheets: Sequence[Mapping[str, Choice]]) -> list[str]:
    first, second = ([sheet[item.id] for item in items] for sheet in sheets)
    found = kappa(first, second)
    return [
        str(len(items)),
        f"{100 * percent_agreement(first, second):.1f} %",
        DASH if found is None else f"{found:.2f}",
    ]
