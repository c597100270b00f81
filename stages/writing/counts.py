"""What became of drafts, counted."""

from collections import Counter
from collections.abc import Sequence

from stages.records.written import Rejected


def reject_table(rejected: Sequence[Rejected], accepted: int) -> list[str]:
    """The rejects by reason as lines of text, most frequent first, then what was accepted."""
    counts = Counter(one.check for one in rejected)
    rows = [*((name, count) for name, count in counts.most_common()), ("accepted", accepted)]
    total = len(rejected) + accepted
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}} {count:6,} {count / max(1, total):7.1%}" for name, count in rows]
