"""Applying an extractor: which of several, and what it says of items."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from relseed.classifier.checkpoint import CONFIG, Extractor, load_extractor
from relseed.classifier.inference import probabilities
from relseed.training.device import device


def find_extractor(folder: Path) -> Path:
    """The extractor below a folder that scored best on validation; the folder itself if it is one, or holds none."""
    if (folder / CONFIG).is_file():
        return folder
    found = sorted(path.parent for path in folder.rglob(CONFIG))
    return max(found, key=_best_on_validation, default=folder)


def _best_on_validation(folder: Path) -> float:
    history = folder / "history.json"
    points = json.loads(history.read_text(encoding="utf-8")) if history.is_file() else []
    return max((float(point["micro_f1"]) for point in points), default=0.0)


def open_extractor(folder: Path) -> Extractor:
    """Load the extractor in a folder, and say which it is if the folder holds several.

    Raises:
        UserError: There is none, or it is not complete.
    """
    found = find_extractor(folder)
    if found != folder:
        print(f"extractor: {found}, the best on validation below {folder}", file=sys.stderr)
    return load_extractor(found, device())


def label(extractor: Extractor, items: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """The fields of each item with `predicted` and `probabilities`."""
    if not items:
        return
    labels = extractor.schema.labels
    each = probabilities(extractor.model, extractor.encode(items), extractor.pad, extractor.config.precision)
    for item, row, top in zip(items, np.round(each.astype(float), 6).tolist(), each.argmax(-1).tolist(), strict=True):
        found = {"predicted": labels[top], "probabilities": dict(zip(labels, row, strict=True))}
        yield item.model_dump(exclude_unset=True) | found
