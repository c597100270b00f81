"""Sheets that were filled, as the table of docs/papers/diverse.md has them.

`small-lm` asks about sentences of SmolLM2 (methods `untuned` and `tuned`) and of a large LLM (`one_by_one`), drawn from
120 random ones of each; two contexts of Claude filled it. `small-lm-accuracy.json` has the scores of the verifiers.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.tables import DASH, markdown
from relseed.verification.agreement import wilson
from relseed.verification.items import Choice, Item
from relseed.verification.sample import read_key
from relseed.verification.score import accuracy
from relseed.verification.sheet import read_sheet

FOLDER = Path("benchmarks/verification")
SHEET = FOLDER / "small-lm.csv"
FILLED = (FOLDER / "small-lm-a.csv", FOLDER / "small-lm-b.csv")
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
