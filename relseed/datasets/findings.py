"""What is odd in a dataset whose every line could be read: counted, and shown with the first three."""

import re
import textwrap
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from relseed.datasets.dataset import Dataset
from relseed.records.files import Located
from relseed.tasks.task import Split

SHOWN = 3
_CHARACTERS = 160  # of a text that is shown, at most
# What labels are called that assert nothing, letters and digits alone.
_NEGATIVE = re.compile("no|none|nothing|norel|norelation|other|na|null|nil|negative|unrelated")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something odd, in words, and the first of what it was found in."""

    what: str
    shown: tuple[str, ...]
    is_error: bool = False  # scores on the dataset would be wrong

    def __str__(self) -> str:
        return "\n  ".join([f"{'error' if self.is_error else 'note'}: {self.what}", *self.shown])


def findings(dataset: Dataset) -> list[Finding]:
    """Everything odd that needs no comparison of texts, in the order in which a user would repair it.

    What would make scores wrong is an error, but not in a dataset that others have published: there it stays as it
    is, since their scores are on it.
    """
    return [*_undeclared_negative(dataset), *_doubts(dataset), *_contradictions(dataset), *_without_examples(dataset)]


def _undeclared_negative(dataset: Dataset) -> Iterator[Finding]:
    """Labels that are called as the negative one is, and are not: micro-F1 would count them as relations."""
    negative, task = dataset.schema.negative, dataset.task
    named = [label for label in dataset.schema.labels if _NEGATIVE.fullmatch(re.sub(r"[\W_]", "", label.casefold()))]
    undeclared = [label for label in named if label != negative] if task.negative_kinds else []
    if not undeclared:
        return
    examples = [one for one in _every(dataset) if one.example.label in undeclared]
    what = f"{_counted(len(examples), 'example')} of {', '.join(undeclared)}"
    shown = tuple(f"{one}: {in_short(dataset, one)}" for one in examples[:SHOWN])
    if negative is None:
        cure = f'say `"negative": true` in its line of {task.labels_file}, or give it another name'
        yield Finding(f"{what}, not declared as the negative label: {cure}", shown, not dataset.published)
    else:
        yield Finding(f"{what}, a relation like any other: the negative label is {negative}", shown)


def _every(dataset: Dataset) -> list[Located]:
    return [one for located in dataset.located.values() for one in located]


def _doubts(dataset: Dataset) -> Iterator[Finding]:
    for what, doubt in dataset.task.doubts(dataset.schema).items():
        reasons = [(one, reason) for one in _every(dataset) if (reason := doubt(one.example))]
        if reasons:
            shown = tuple(f"{one}: {reason}: {in_short(dataset, one)}" for one, reason in reasons[:SHOWN])
            yield Finding(f"{_counted(len(reasons), 'example')} {what}", shown)


def _contradictions(dataset: Dataset) -> Iterator[Finding]:
    """The same item with two labels, within a split or across two: whichever is right, the other is not."""
    items = {split: _by_item(dataset, located) for split, located in dataset.located.items()}
    for split, found in items.items():
        yield from _contradiction(dataset, list(found.values()), f"in {split}", split == "test")
    for first, second in combinations(items, 2):
        shared = [item for item in items[first] if item in items[second]]
        differ = [item for item in shared if _labels(items[first][item]) != _labels(items[second][item])]
        found_twice = [[*items[first][item], *items[second][item]] for item in differ]
        yield from _contradiction(dataset, found_twice, f"in {first} and {second}", second == "test")


def _contradiction(
    dataset: Dataset, same: Sequence[Sequence[Located]], place: str, is_tested: bool
) -> Iterator[Finding]:
    several = [located for located in same if len(_labels(located)) > 1]
    if several:
        shown = tuple(_labelled_twice(dataset, located) for located in several[:SHOWN])
        noun = "pair" if dataset.task.has_mentions else "text"
        what = f"{_counted(len(several), noun)} with different labels {place}: keep one label for each"
        yield Finding(what, shown, is_tested and not dataset.published)


def _labelled_twice(dataset: Dataset, same: Sequence[Located]) -> str:
    """The first that has another label than the first of all, and that one."""
    first = same[0]
    other = next(one for one in same if one.example.label != first.example.label)
    return f"{other}: {other.example.label}, but {first.example.label} at {first}: {in_short(dataset, other)}"


def _by_item(dataset: Dataset, located: Sequence[Located]) -> dict[Hashable, list[Located]]:
    found: defaultdict[Hashable, list[Located]] = defaultdict(list)
    for one in located:
        found[dataset.task.item(one.example)].append(one)
    return dict(found)


def _labels(located: Sequence[Located]) -> set[str]:
    return {one.example.label for one in located}


def _without_examples(dataset: Dataset) -> Iterator[Finding]:
    """Labels that nothing can be learnt of, and labels whose scores say nothing."""
    unseen: dict[Split, str] = {"train": "no seed of it can be drawn", "test": "it is not measured"}
    for split, means in unseen.items():
        present = {example.label for example in dataset.splits[split]}
        missing = [label for label in dataset.schema.labels if label not in present]
        if missing:
            what = f"{_counted(len(missing), 'label')} without an example in {split}, so that {means}"
            listed = f"{', '.join(missing[:SHOWN])}{' and others' if len(missing) > SHOWN else ''}"
            yield Finding(f"{what}: {listed}", ())


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def in_short(dataset: Dataset, located: Located) -> str:
    """The text of an example in short, its mentions in brackets."""
    pieces = dataset.task.segments(located.example)
    marked = "".join(f"[{text}]" if role in ("head", "tail") else text for text, role, _ in pieces)
    return textwrap.shorten(marked, _CHARACTERS, placeholder=" ...")
