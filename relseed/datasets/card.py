"""The data card: what a dataset is, where it comes from, and what was written of it."""

from collections import Counter
from pathlib import Path
from typing import Any

from relseed.datasets.dataset import Dataset
from relseed.records.files import md5_of


def card(dataset: Dataset, folder: Path) -> dict[str, Any]:
    """Describe a dataset whose splits were written to `folder` as `<split>.jsonl`.

    Returns plain values for JSON: `splits` has `examples` and `md5` (of the file) a split, `labels` has the number
    of examples a label and split, labels in the schema's order.
    """
    counts = {split: Counter(example.label for example in examples) for split, examples in dataset.splits.items()}
    return {
        "name": dataset.name,
        "task": dataset.task.name,
        "licence": dataset.licence,
        "source": dataset.source,
        "notes": dataset.notes,
        "negative": dataset.schema.negative,
        "splits": {
            split: {"examples": len(examples), "md5": md5_of(folder / f"{split}.jsonl")}
            for split, examples in dataset.splits.items()
        },
        "labels": {label: {split: counts[split][label] for split in counts} for label in dataset.schema.labels},
    }


def table(card: dict[str, Any]) -> str:
    """A card as text for people: what it is, then a row a label and a column a split."""
    splits = card["splits"]
    rows = [["", *splits]]
    rows += [[label, *(f"{count:,}" for count in counts.values())] for label, counts in card["labels"].items()]
    rows += [["all", *(f"{split['examples']:,}" for split in splits.values())]]
    rows += [["md5", *(split["md5"][:8] for split in splits.values())]]
    width = max(len(row[0]) for row in rows)
    head = [f"{card['name']} · licence: {card['licence']} · source: {card['source']}"]
    body = [row[0].ljust(width) + "".join(cell.rjust(12) for cell in row[1:]) for row in rows]
    return "\n".join([*head, *(f"note: {note}" for note in card["notes"]), *body])
