"""Training sets, as entries of `training_sets` say: which examples of which methods, with scores, ranks and reviews."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, NonNegativeInt, PositiveInt, model_validator

from relseed.generation.listed import Examples, Listed
from relseed.generation.reviews import Reviewed, apply_reviews
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Section
from relseed.records.files import DataError, problem_of, read_json_lines
from relseed.records.reviews import read_decisions, reviews_of
from relseed.records.scores import RankedExample, ScoredExample
from relseed.tasks.task import Task

NegativeUnit = Literal["near", "co_occurrence"]  # what comes near a label, what merely occurs together

SCORES, RANKED = "scores", "ranked"  # names of folders: of scores, and of what is ranked


class TrainingSet(Section):
    """An entry of `training_sets`."""

    # A file of accepted examples, the folder of all of them; a file of scores, the folder of all of them; or a file of
    # what is ranked.
    reads: str
    seeds: bool  # the real seeds come first
    methods: tuple[str, ...]  # whose accepted examples it takes, in turn
    per_label: NonNegativeInt  # written examples at most, of all methods together
    # Of the negative label, beside those: methods, and how many of each label that is nearly stated (`near`), and of
    # each surface, such as a pair of types, that merely occurs together (`co_occurrence`).
    negatives: dict[str, dict[NegativeUnit, NonNegativeInt]]
    at_least: dict[str, dict[str, float]] = Field(default={})  # the least score of a method's examples, by criterion
    top: PositiveInt | None = None  # of what is ranked: as many about each entity tuple, at most

    @model_validator(mode="after")
    def _is_not_empty(self) -> "TrainingSet":
        if not self.seeds and not self.methods:
            raise ValueError("it has neither seeds nor methods: set seeds to true, or name a method")
        if unknown := set(self.at_least) - set(self.sources):
            raise ValueError(f"at_least names {min(unknown)}, which is not among its methods")
        if (self.top is not None) != (Path(self.reads).parent.name == RANKED):
            raise ValueError("`top` says how many of what is ranked it takes: set it where `reads` is such a file")
        return self

    @property
    def reads_scores(self) -> bool:
        """Whether it takes examples with their scores."""
        return SCORES in (Path(self.reads).name, Path(self.reads).parent.name)

    @property
    def criteria(self) -> tuple[str, ...] | None:
        """The criteria whose scores it takes; None: all."""
        path = Path(self.reads)
        return (path.stem,) if path.parent.name == SCORES else None

    @property
    def sources(self) -> tuple[str, ...]:
        """All methods whose examples it takes."""
        return tuple(dict.fromkeys((*self.methods, *self.negatives)))


@dataclass(frozen=True, slots=True)
class Available:
    """Accepted examples by method, in their order, and those of their scores by criterion and id that count."""

    store: Examples
    examples: dict[str, list[Listed]]
    scores: dict[str, dict[str, float]]
    reviews: dict[str, Reviewed]  # the same examples after decisions of people


def read_available(settings: TrainingSet, task: Task, schema: Any, reviews: Path) -> Available:
    """Read what a training set selects from; `reviews` is the folder of the decisions of people.

    Raises:
        DataError: A file is missing, or a line does not hold an example of the task, or a decision.
        UserError: A score or a method that it asks for is not there.
    """
    wanted = set(settings.sources)
    available = Available(Examples(task), {method: [] for method in settings.sources}, {}, {})
    for file in _files(Path(settings.reads), settings):
        first = len(available.scores) < 1  # each criterion scores the same examples
        scores = available.scores.setdefault(file.stem, {}) if settings.reads_scores else None
        for number, line in read_json_lines(file, cure=f"build it with `dvc repro {_stage(file)}@{file.stem}`"):
            values, score = _read(settings, file, number, line)
            if values is None or values.get("method") not in wanted:
                continue
            example = _example(task, file, number, values)
            if scores is not None and score is not None and file.stem in settings.at_least.get(example.method, {}):
                scores[example.id] = score
            if first:
                available.examples[example.method].append(available.store.add(example))
    _check_methods(settings, available)
    _check_scores(settings, available)
    for method, examples in available.examples.items():
        decisions = read_decisions(reviews_of(reviews, method))
        available.reviews[method] = apply_reviews(decisions, examples, available.store, task, schema)
    return available


def _files(path: Path, settings: TrainingSet) -> list[Path]:
    if path.suffix == ".jsonl":
        return [path]
    if not settings.reads_scores:
        return [path / f"{method}.jsonl" for method in settings.sources]
    if scores := sorted(path.glob("*.jsonl")):
        return scores
    raise UserError(
        f"{path} holds no scores: name a criterion under `criteria` in params.yaml, and build them with "
        "`dvc repro score`"
    )


def _stage(file: Path) -> str:
    return {SCORES: "score", RANKED: "rank"}.get(file.parent.name, "filter")


def _read(
    settings: TrainingSet, file: Path, number: int, line: Mapping[str, Any]
) -> tuple[Mapping[str, Any] | None, float | None]:
    """The example of a line and its score, if it has one; no example where it is ranked too low."""
    kinds: dict[str, type[BaseModel]] = {SCORES: ScoredExample, RANKED: RankedExample}
    if (kind := kinds.get(file.parent.name)) is None:
        return line, None
    try:
        found: Any = kind.model_validate(line)
    except ValueError as error:
        raise DataError(file, number, problem_of(error)) from None  # type: ignore[arg-type]
    if isinstance(found, ScoredExample):
        return found.example, found.score
    return (None if found.rank is None or found.rank > (settings.top or 0) else found.example), None


def _example(task: Task, file: Path, number: int, values: Mapping[str, Any]) -> Any:
    try:
        return task.example_type.model_validate(values)
    except ValueError as error:
        raise DataError(file, number, problem_of(error)) from None  # type: ignore[arg-type]


def _check_methods(settings: TrainingSet, available: Available) -> None:
    if _stage(Path(settings.reads)) == "filter" and Path(settings.reads).suffix == ".jsonl":
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
