"""The card of a released data set: counts, hashes, how it came about, the index of its sentences as a histogram."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from relseed.pipeline.templates import render
from relseed.records.files import md5_of
from relseed.release.split import SPLITS, Release
from relseed.tasks.relation import Schema

_BINS = 10
_BAR = 40  # characters of the longest bar


@dataclass
class Counts:
    """What a release holds, counted while it is written."""

    labels: Counter[tuple[str, str]] = field(default_factory=Counter)  # by label and split
    methods: Counter[tuple[str, str]] = field(default_factory=Counter)  # by method and split
    pairs: dict[str, set[str]] = field(default_factory=dict)  # of entities, by split
    bins: Counter[int] = field(default_factory=Counter)  # of the index

    def add(self, label: str, method: str, split: str, pair: str, index: float) -> None:
        """Count an example."""
        self.labels[label, split] += 1
        self.methods[method, split] += 1
        self.pairs.setdefault(split, set()).add(pair)
        self.bins[min(int(index * _BINS), _BINS - 1)] += 1


def card_of(
    name: str, folder: Path, settings: Release, schema: Schema, counts: Counts, models: Mapping[str, str]
) -> str:
    """The card of the data set in `folder`, as Markdown with the header that the Hugging Face Hub reads.

    `models` are those that wrote, by method.
    """
    most = max(counts.bins.values(), default=1)
    histogram = [
        (at / _BINS, (at + 1) / _BINS, counts.bins[at], "█" * round(_BAR * counts.bins[at] / most))
        for at in range(_BINS)
    ]
    return render(
        Path(__file__).with_name("card.md.jinja"),
        name=name,
        settings=settings,
        splits=SPLITS,
        totals={split: sum(count for (_, of), count in counts.labels.items() if of == split) for split in SPLITS},
        pairs={split: len(counts.pairs.get(split, ())) for split in SPLITS},
        md5={split: md5_of(folder / f"{split}.jsonl") for split in SPLITS},
        relations=_rows(counts.labels, schema.labels),
        methods=_rows(counts.methods, sorted({method for method, _ in counts.methods})),
        models=models,
        histogram=histogram,
    )


def _rows(counts: Counter[tuple[str, str]], names: Sequence[str]) -> dict[str, list[int]]:
    return {name: [counts[name, split] for split in SPLITS] for name in names}
