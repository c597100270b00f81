"""Training sets: which examples of which methods an extractor learns from, as an entry of `training_sets` says."""

from collections import Counter
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, NonNegativeInt, model_validator

from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Section
from relseed.quality.duplicates import Index
from relseed.quality.templates import Copies, masked_copies
from relseed.records.candidates import request_of
from relseed.records.files import DataError, problem_of, read_json_lines
from relseed.records.scores import ScoredExample
from relseed.tasks.task import Task

Unit = Literal["near", "co_occurrence"]  # what comes near a label, what merely occurs together

_SCORES = "scores"  # the name of the folder of scores


class TrainingSet(Section):
    """An entry of `training_sets`."""

    reads: str  # a file of accepted examples, the folder of all of them, or the folder of scores
    seeds: bool  # the real seeds come first
    methods: tuple[str, ...]  # whose accepted examples it takes, in turn
    per_label: NonNegativeInt  # written examples at most, of all methods together
    # Of the negative label, beside those: methods, and how many of each label that is nearly stated (`near`), and of
    # each surface, such as a pair of types, that merely occurs together (`co_occurrence`).
    negatives: dict[str, dict[Unit, NonNegativeInt]]
    at_least: dict[str, dict[str, float]] = Field(default={})  # the least score of a method's examples, by criterion

    @model_validator(mode="after")
    def _is_not_empty(self) -> "TrainingSet":
        if not self.seeds and not self.methods:
            raise ValueError("it has neither seeds nor methods: set seeds to true, or name a method")
        if unknown := set(self.at_least) - set(self.sources):
            raise ValueError(f"at_least names {min(unknown)}, which is not among its methods")
        return self

    @property
    def sources(self) -> tuple[str, ...]:
        """All methods whose examples it takes."""
        return tuple(dict.fromkeys((*self.methods, *self.negatives)))


@dataclass(frozen=True, slots=True)
class Available:
    """Accepted examples by method, in their order, and their scores by criterion and id, where there are any."""

    examples: dict[str, list[Any]]
    scores: dict[str, dict[str, float]]


def read_available(settings: TrainingSet, task: Task) -> Available:
    """Read what a training set selects from.

    Raises:
        DataError: A file is missing, or a line does not hold an example of the task.
        UserError: A score or a method that it asks for is not there.
    """
    path, wanted = Path(settings.reads), set(settings.sources)
    available = Available({method: [] for method in settings.sources}, {})
    for file in _files(path, settings):
        scores = available.scores.setdefault(file.stem, {}) if file.parent.name == _SCORES else None
        first = len(available.scores) < 2  # each criterion scores the same examples
        for number, line in read_json_lines(file, cure=f"build it with `dvc repro filter@{file.stem}`"):
            scored = None if scores is None else _scored(file, number, line)
            values = line if scored is None else scored.example
            if values.get("method") not in wanted:
                continue
            example = _example(task, file, number, values)
            if scores is not None and scored is not None:
                scores[example.id] = scored.score
            if first:
                available.examples[example.method].append(example)
    _check_methods(settings, available)
    _check_scores(settings, available)
    return available


def _files(path: Path, settings: TrainingSet) -> list[Path]:
    if path.suffix == ".jsonl":
        return [path]
    if path.name != _SCORES:
        return [path / f"{method}.jsonl" for method in settings.sources]
    if scores := sorted(path.glob("*.jsonl")):
        return scores
    raise UserError(
        f"{path} holds no scores: name a criterion under `criteria` in params.yaml, and build them with "
        "`dvc repro score`"
    )


def _example(task: Task, file: Path, number: int, values: Mapping[str, Any]) -> Any:
    try:
        return task.example_type.model_validate(values)
    except ValueError as error:
        raise DataError(file, number, problem_of(error)) from None  # type: ignore[arg-type]


def _scored(file: Path, number: int, line: Mapping[str, Any]) -> ScoredExample:
    try:
        return ScoredExample.model_validate(line)
    except ValueError as error:
        raise DataError(file, number, problem_of(error)) from None  # type: ignore[arg-type]


def _check_methods(settings: TrainingSet, available: Available) -> None:
    if Path(settings.reads).suffix == ".jsonl":
        for method, examples in available.examples.items():
            if not examples and len(settings.sources) > 1:
                raise UserError(
                    f"a training set takes the method {method}, and {settings.reads} holds no example of it: let the "
                    "set read data/accepted, which holds those of all methods"
                )


def _check_scores(settings: TrainingSet, available: Available) -> None:
    for criteria in settings.at_least.values():
        for criterion in criteria:
            if criterion not in available.scores:
                raise UserError(
                    f"a training set has at_least {criterion}, and {settings.reads} holds no scores of that name: let "
                    "it read data/scores, and name the criterion under `criteria` in params.yaml"
                )


def select(settings: TrainingSet, available: Available, schema: Any, near_duplicate: float, task: Task) -> list[Any]:
    """Examples of each label, of methods and responses in turn, sorted as they were accepted, alike ones once.

    Then the negatives, as many of each unit as the set says. Texts are alike from a Jaccard similarity of word trigrams
    of `near_duplicate` on.
    """
    known = _Known(near_duplicate, task)
    good = {method: list(_good_enough(settings, available, method)) for method in settings.sources}
    place = {
        example.id: place for place, example in enumerate(example for examples in good.values() for example in examples)
    }
    chosen = []
    for label in schema.labels:
        turns = _in_turn([_of_label(label, good[method]) for method in settings.methods])
        new = islice(filter(known.is_new, turns), settings.per_label)
        chosen += sorted(new, key=lambda example: place[example.id])
    taken, negative = {example.id for example in chosen}, schema.negative
    for method, wanted in settings.negatives.items():
        free = [example for example in good[method] if example.label == negative and example.id not in taken]
        chosen += _negatives(free, wanted, task)
    return chosen


def _negatives(examples: Sequence[Any], wanted: Mapping[Unit, int], task: Task) -> list[Any]:
    """So many of each unit, of its kinds in turn."""
    units: dict[tuple[Unit, Hashable], dict[str, list[Any]]] = {}
    for example in examples:
        near = getattr(example, "near", None)
        unit: tuple[Unit, Hashable] = ("near", near) if near else ("co_occurrence", task.surface(example))
        units.setdefault(unit, {}).setdefault(getattr(example, "kind", ""), []).append(example)
    return [
        example for (unit, _), kinds in units.items() for example in _in_turn(kinds.values())[: wanted.get(unit, 0)]
    ]


def _good_enough(settings: TrainingSet, available: Available, method: str) -> Iterator[Any]:
    least = settings.at_least.get(method, {})
    for example in available.examples[method]:
        scores = [(available.scores[criterion].get(example.id), score) for criterion, score in least.items()]
        if any(found is None for found, _ in scores):
            raise UserError(f"{example.id} has no score of every criterion: score again with `dvc repro score`")
        if all(found >= score for found, score in scores if found is not None):
            yield example


def _of_label(label: str, examples: Sequence[Any]) -> list[Any]:
    """The examples of a label: the first of each response, then the second of each.

    A response to `all_at_once` holds negatives of one kind: the first response alone would leave out the others.
    """
    responses: dict[str, list[Any]] = {}
    for example in examples:
        if example.label == label:
            responses.setdefault(request_of(example.id), []).append(example)
    return _in_turn(responses.values())


def _in_turn(lists: Collection[Sequence[Any]]) -> list[Any]:
    """The first of each list, then the second of each."""
    return [example for turn in zip_longest(*lists) for example in turn if example is not None]


class _Known:
    """What was chosen, which others must differ from; pairs of one sentence share its text."""

    def __init__(self, near_duplicate: float, task: Task) -> None:
        self._texts, self._task = Index(near_duplicate), task
        self._requests: list[str] = []  # of the texts

    def is_new(self, example: Any) -> bool:
        """Whether an example is like none before, which it is from now on."""
        text, request = self._task.text(example), request_of(example.id)
        match = self._texts.nearest(text)
        if match is None:
            self._texts.add(text)
            self._requests.append(request)
            return True
        return match.same and self._requests[match.index] == request


def shortages(settings: TrainingSet, chosen: Sequence[Any], available: Available, schema: Any) -> dict[str, int]:
    """The labels of which fewer than `per_label` written examples are there, with how many there are.

    The negative label is none of them where nobody wrote of it.
    """
    if not settings.methods:
        return {}
    counts = Counter(example.label for example in chosen)
    written = {example.label for examples in available.examples.values() for example in examples}
    wanted = [label for label in schema.labels if label != schema.negative or label in written]
    return {label: counts[label] for label in wanted if counts[label] < settings.per_label}


@dataclass(frozen=True, slots=True)
class Repetition:
    """How far the examples that LLMs wrote for a training set are masked copies of each other."""

    every: Copies
    labels: dict[str, Copies]

    @classmethod
    def of(cls, written: Sequence[Any], threshold: float, task: Task) -> "Repetition":
        """Compare them, all and those of each label, from a similarity of `threshold` on."""
        labels: dict[str, list[str]] = {}
        for example in written:
            labels.setdefault(example.label, []).append(task.masked(example))
        every = [text for masked in labels.values() for text in masked]
        return cls(
            masked_copies(every, threshold=threshold),
            {label: masked_copies(masked, threshold=threshold) for label, masked in labels.items()},
        )

    @property
    def templates(self) -> dict[str, Copies]:
        """The labels that are mostly masked copies."""
        return {label: copies for label, copies in self.labels.items() if copies.most}
