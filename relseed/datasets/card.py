"""The data card: what a dataset is, where it comes from, and what was written of it."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from relseed.datasets.dataset import Dataset
from relseed.datasets.findings import Finding
from relseed.records.files import md5_of


def card(dataset: Dataset, folder: Path | None = None, findings: Sequence[Finding] = ()) -> dict[str, Any]:
    """Describe a dataset, and what was found odd in it.

    Returns plain values for JSON: `splits` has `examples` a split, and the `md5` of `<split>.jsonl` where it was
    written to `folder`; `labels` has the number of examples a label and split, labels in the schema's order; `wire` has
    the number of passages, and of their pairs of mentions.
    """
    counts = {split: Counter(example.label for example in examples) for split, examples in dataset.splits.items()}
    hashes = {split: {"md5": md5_of(folder / f"{split}.jsonl")} if folder else {} for split in counts}
    return {
        "name": dataset.name,
        "task": dataset.task.name,
        "licence": dataset.licence,
        "source": dataset.source,
        "notes": dataset.notes,
        "findings": [finding.what for finding in findings],
        "negative": dataset.schema.negative,
        "splits": {split: {"examples": counts[split].total(), **hashes[split]} for split in counts},
        "labels": {label: {split: counts[split][label] for split in counts} for label in dataset.schema.labels},
        "wire": _wire(dataset),
    }


def _wire(dataset: Dataset) -> dict[str, int]:
    pairs = [pair for passage in dataset.passages for pair in passage.pairs(dataset.schema)]
    related = sum(pair.label != dataset.schema.negative for pair in pairs)
    return {"passages": len(dataset.passages), "pairs": len(pairs), "related": related}


def table(card: dict[str, Any]) -> str:
    """A card as text for people: what it is, then a row a label and a column a split."""
    splits, wire = card["splits"], card["wire"]
    rows = [["", *splits]]
    rows += [[label, *(f"{count:,}" for count in counts.values())] for label, counts in card["labels"].items()]
    rows += [["all", *(f"{split['examples']:,}" for split in splits.values())]]
    rows += [["md5", *(split["md5"][:8] for split in splits.values() if "md5" in split)]]
    width = max(len(row[0]) for row in rows)
    head = [f"{card['name']} · licence: {card['licence']} · source: {card['source']}"]
    body = [row[0].ljust(width) + "".join(cell.rjust(12) for cell in row[1:]) for row in rows if len(row) > 1]
    foot = [
        f"wire: {wire['passages']:,} passages, {wire['pairs']:,} pairs of mentions, {wire['related']:,} of them related"
    ]
    return "\n".join([*head, *(f"note: {note}" for note in card["notes"]), *body, *(foot if wire["passages"] else [])])
