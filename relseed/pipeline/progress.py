"""Progress on every stage: a bar with time left on a terminal, plain lines where there is none."""

import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

_LINE = "{desc}: {n_fmt}/{total_fmt} {unit}, {rate_fmt}, {remaining} left {postfix}"
_SECONDS_BETWEEN_LINES = 10


class _Lines:
    """A stream that gets each state of a bar as a line of its own, for logs."""

    def write(self, text: str) -> None:
        if line := text.strip("\r\n ,"):
            sys.stderr.write(f"{line}\n")

    def flush(self) -> None:
        sys.stderr.flush()


def bar(
    items: Iterable[Item] | None = None, *, desc: str, unit: str, total: int | None = None, initial: int = 0
) -> "tqdm[Item]":
    """A tqdm bar over `items` (or advanced by hand with `update`), fit for the place it runs in."""
    if total is None and isinstance(items, Sequence):
        total = len(items)
    common = {"desc": desc, "unit": unit, "total": total, "initial": initial}
    if sys.stderr.isatty():
        return tqdm(items, dynamic_ncols=True, leave=None, **common)  # one inside another goes when it is done
    return tqdm(items, file=_Lines(), bar_format=_LINE, mininterval=_SECONDS_BETWEEN_LINES, miniters=1, **common)
