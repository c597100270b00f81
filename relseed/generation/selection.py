"""Selecting what a training set holds: of each label and method in turn, what is unlike the rest."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Any, cast

from relseed.generation.listed import Examples, Listed
from relseed.generation.training_set import Available, NegativeUnit, TrainingSet
from relseed.pipeline.errors import UserError
from relseed.quality.duplicates import Index
from relseed.quality.templates import Copies, masked_copies
from relseed.records.candidates import request_of


def select(settings: TrainingSet, available: Available, schema: Any, near_duplicate: float) -> list[Listed]:
    """Examples of each label, of methods and responses in turn, sorted as they were accepted; then the negatives.

    What several methods wrote alike, from a Jaccard similarity of word trigrams of `near_duplicate` on, is taken once.
    Then of the negative label, of what is left, as many of each unit as the set says, of its kinds in turn.
    """
    good = {method: list(_good_enough(settings, available, method)) for method in settings.sources}
    place = {
        example.id: place for place, example in enumerate(example for examples in good.values() for example in examples)
    }
    lists = [good[method] for method in settings.methods]
    only_negatives = [method for method in settings.sources if method not in settings.methods]
    lists += [_no_negatives(good[method], available, schema) for method in only_negatives]
    chosen, is_new = list[Listed](), _New(near_duplicate)
    for label in schema.labels:
        turns = _in_turn([_of_label(label, examples) for examples in lists])
        new = islice(filter(is_new, turns), settings.per_label)
        chosen += sorted(new, key=lambda example: place[example.id])
    taken = {example.id for example in chosen}
    for method, wanted in settings.negatives.items():
        left = [example for example in good[method] if example.label == schema.negative and example.id not in taken]
        for unit, found in _units(left).items():
            chosen += found[: wanted.get(_kind(unit), 0)]
    return chosen


def _no_negatives(examples: Sequence[Listed], available: Available, schema: Any) -> list[Listed]:
    """What people found to state something after all, among negatives."""
    return [example for example in examples if example.label != schema.negative and _approved(example, available)]


def _units(negatives: Sequence[Listed]) -> dict[str, list[Listed]]:
    """The examples of each label that they come near, and of each surface of the others, of their kinds in turn."""
    units: dict[str, dict[str, list[Listed]]] = {}
    for example in negatives:
        units.setdefault(example.unit, {}).setdefault(example.kind, []).append(example)
    return {unit: _in_turn(kinds.values()) for unit, kinds in units.items()}


def _kind(unit: str) -> NegativeUnit:
    return cast(NegativeUnit, unit.partition("/")[0])


def _good_enough(settings: TrainingSet, available: Available, method: str) -> Iterator[Listed]:
    least = settings.at_least.get(method, {})
    for example in available.reviews[method].examples:
        if _approved(example, available):  # a person's decision stands above a score, which may be of another label
            yield example
            continue
        scores = [(available.scores[criterion].get(example.id), score) for criterion, score in least.items()]
        if any(found is None for found, _ in scores):
            raise UserError(f"{example.id} has no score of every criterion: score again with `dvc repro score`")
        if all(found >= score for found, score in scores if found is not None):
            yield example


def _approved(example: Listed, available: Available) -> bool:
    """Whether a person has kept or relabelled it."""
    return example.id in available.reviews[example.method].approved


def _of_label(label: str, examples: Sequence[Listed]) -> list[Listed]:
    """The examples of a label: the first of each response, then the second of each.

    A response to `all_at_once` holds negatives of one kind: the first response alone would leave out the others.
    """
    responses: dict[str, list[Listed]] = {}
    for example in examples:
        if example.label == label:
            responses.setdefault(request_of(example.id), []).append(example)
    return _in_turn(responses.values())


def _in_turn(lists: Collection[Sequence[Listed]]) -> list[Listed]:
    """The first of each list, then the second of each."""
    return [example for turn in zip_longest(*lists) for example in turn if example is not None]


class _New:
    """Whether an example is unlike those of other methods that were new before it.

    Those of one method are as unlike as its rules want them: several pairs of a sentence share its text.
    """

    def __init__(self, near_duplicate: float) -> None:
        self._known = Index(near_duplicate)
        self._methods: list[str] = []  # that wrote the known texts

    def __call__(self, example: Listed) -> bool:
        if match := self._known.nearest(example.text):
            return self._methods[match.index] == example.method
        self._known.add(example.text)
        self._methods.append(example.method)
        return True


def shortages(settings: TrainingSet, chosen: Sequence[Listed], available: Available, schema: Any) -> dict[str, int]:
    """The labels of which fewer than `per_label` written examples are there, with how many there are.

    The negative label is none of them where nobody wrote of it.
    """
    if not settings.methods:
        return {}
    counts = Counter(example.label for example in chosen)
    written = {example.label for examples in available.examples.values() for example in examples}
    wanted = [label for label in schema.labels if label != schema.negative or label in written]
    return {label: counts[label] for label in wanted if counts[label] < settings.per_label}


def negative_shortages(
    settings: TrainingSet, chosen: Sequence[Listed], schema: Any
) -> Iterator[tuple[str, str, int, int]]:
    """The units of the negative label that fall short: method, unit, how many there are, how many were wanted.

    Where a method has nothing of `near` or of `co_occurrence`, that stands for all units of it.
    """
    for method, wanted in settings.negatives.items():
        own = [example for example in chosen if example.method == method and example.label == schema.negative]
        units = _units(own)
        for kind, most in wanted.items():
            counts = {unit: len(found) for unit, found in units.items() if _kind(unit) == kind} or {kind: 0}
            yield from ((method, unit, count, most) for unit, count in counts.items() if count < most)


@dataclass(frozen=True, slots=True)
class Repetition:
    """How far the texts that LLMs wrote for a training set are masked copies of each other, each text counted once."""

    every: Copies
    labels: dict[str, Copies]

    @classmethod
    def of(cls, written: Sequence[Listed], threshold: float, store: Examples) -> "Repetition":
        """Compare them, all and those of each label, from a similarity of `threshold` on."""
        labels: dict[str, dict[str, str]] = {}  # the pairs of a sentence share its text, and all that is masked in it
        for example in written:
            labels.setdefault(example.label, {}).setdefault(example.text, store.masked(example))
        every = {text: masked for texts in labels.values() for text, masked in texts.items()}
        return cls(
            masked_copies(list(every.values()), threshold=threshold),
            {label: masked_copies(list(texts.values()), threshold=threshold) for label, texts in labels.items()},
        )

    @property
    def templates(self) -> dict[str, Copies]:
        """The labels that are mostly masked copies."""
        return {label: copies for label, copies in self.labels.items() if copies.most}
