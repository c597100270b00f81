"""Applying an extractor: which of several, and what it says of items."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from relseed.classifier.checkpoint import CONFIG, Extractor, load_extractor
from relseed.classifier.decision import Read, best_stated
from relseed.classifier.inference import answer
from relseed.training.device import device

_DEFAULT = "careful"  # the system whose extractor is taken among those of several
_UNKNOWN = 0.1  # share of tokens that the encoder lacks from which an item is marked


def find_extractor(folder: Path) -> Path:
    """The extractor to take in a folder: itself, else the best on validation; of the system `careful` if it has one."""
    if (folder / CONFIG).is_file():
        return folder
    found = sorted(path.parent for path in folder.rglob(CONFIG))
    careful = [path for path in found if path.is_relative_to(folder / _DEFAULT)]
    return max(careful or found, key=_on_validation, default=folder)


def _on_validation(folder: Path) -> float:
    history = folder / "history.json"
    points = json.loads(history.read_text(encoding="utf-8")) if history.is_file() else []
    return next((float(point["micro_f1"]) for point in points if point["kept"]), 0.0)


def open_extractor(folder: Path) -> Extractor:
    """Load the extractor in a folder, and say which it is if the folder holds several.

    Raises:
        UserError: There is none, or it is not complete.
    """
    found = find_extractor(folder)
    if found != folder:
        print(f"extractor: {found}, of those below {folder}", file=sys.stderr)
    return load_extractor(found, device())


def label(
    extractor: Extractor, items: Sequence[Any], *, threshold: float | None = None, negatives: float | None = None
) -> Iterator[dict[str, Any]]:
    """The fields of each item with what the extractor says of it.

    These are `predicted`; `best`, the likeliest label that asserts something, with its `probability`, below the
    threshold, too; the `probabilities` of all labels; and `unlike`, why the item is like nothing in training, if it is.

    Args:
        extractor: What labels.
        items: What is labelled.
        threshold: The least score of an assertion, instead of the checkpoint's.
        negatives: The share of items that assert nothing, where it is known: probabilities are those for this share.

    Raises:
        UserError: An item cannot be read, or the extractor has no use for what is given: see `Decision`.
    """
    if not items:
        return
    schema = extractor.schema
    answers = answer(extractor, items, threshold=threshold, negatives=negatives)
    best = best_stated(answers.probabilities, schema.negative_class)
    for number, (item, notes) in enumerate(zip(items, unlike(extractor, items, answers.read), strict=True)):
        row = np.round(answers.probabilities[number], 6).tolist()
        said = {
            "predicted": schema.labels[answers.classes[number]],
            "best": {"label": schema.labels[best[number]], "probability": row[best[number]]},
            "probabilities": dict(zip(schema.labels, row, strict=True)),
        }
        fields = item.model_dump(exclude_unset=True, exclude={"unlike"})  # of an earlier labelling
        yield fields | said | ({"unlike": notes} if notes else {})


def unlike(extractor: Extractor, items: Sequence[Any], found: Read) -> list[list[str]]:
    """Why items are like nothing in training: what no label allows, tokens that the encoder lacks, distance."""
    each = zip(items, _unknown(extractor, items), found.similarities.tolist(), strict=True)
    reasons = [
        (extractor.task.unfit(item, extractor.schema), unknown, _far(extractor, near)) for item, unknown, near in each
    ]
    return [[reason for reason in some if reason] for some in reasons]


def _unknown(extractor: Extractor, items: Sequence[Any]) -> list[str | None]:
    texts, tokenizer = [extractor.task.text(item) for item in items], extractor.tokenizer
    rows = tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
    return [_lacking(row.count(tokenizer.unk_token_id), len(row)) for row in rows]


def _lacking(unknown: int, tokens: int) -> str | None:
    return f"{unknown} of {tokens} tokens are unknown to the encoder" if unknown > _UNKNOWN * tokens else None


def _far(extractor: Extractor, near: float) -> str | None:
    least = extractor.config.decision.least_similarity
    if near >= least:
        return None
    return (
        f"its similarity to the nearest training example is {near:.3f}, "
        f"that of nearly all held-out examples at least {least:.3f}"
    )
