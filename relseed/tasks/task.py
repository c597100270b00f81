"""What a task is: its records, how an LLM is asked for more of them, and what is known of a record without a model."""

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, StrictBool, ValidationError, model_validator

from relseed.pipeline.errors import UserError
from relseed.pipeline.named import load
from relseed.records.files import DataError, Located, problem_of, raise_all, read_records, scan_json_lines

if TYPE_CHECKING:  # what trains and labels asks no LLM and applies no rule: it does not depend on their code
    from relseed.llm.request import Message
    from relseed.quality.rules import Rules, RuleSettings
    from relseed.records.candidates import Candidate

Split = Literal["train", "validation", "test"]
SPLITS: Sequence[Split] = ("train", "validation", "test")
Segment = tuple[str, str | None, str | None]  # a piece of text, its role and a note


# What no name may hold: control characters, line ends, marks that turn the direction of text, and what is no character.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff]")


def _shown(text: str) -> str:
    if found := _UNPRINTABLE.search(text):
        raise ValueError(f"holds the control character U+{ord(found[0]):04X}: take it out")
    return text


def _prose(text: str) -> str:
    _shown(re.sub(r"[\t\n\r]", " ", text))
    return text


def _name(text: str) -> str:
    if not text.strip():
        raise ValueError("is blank: give it a name")
    if text != text.strip():
        raise ValueError(f"{text!r} begins or ends with a blank: take it out")
    if "<" in text or ">" in text:
        raise ValueError(f"{text!r} holds '<' or '>', which pages take for markup: use other characters")
    return text


Shown = Annotated[str, AfterValidator(_shown)]  # on terminals, in figures and in prompts
Prose = Annotated[str, AfterValidator(_prose)]  # may have several lines
LabelName = Annotated[str, AfterValidator(_shown), AfterValidator(_name)]


class Label(Protocol):
    """A label of a schema: a relation, an answer."""

    @property
    def label(self) -> str: ...  # noqa: D102
    @property
    def name(self) -> str:
        """The label in plain words, as prompts name it."""

    @property
    def definition(self) -> str: ...  # noqa: D102
    @property
    def negative(self) -> bool:
        """Whether it asserts nothing: micro-F1 leaves it out."""


class Schema(BaseModel, ABC):
    """The labels of a dataset, in a fixed order: a label's position is its class number."""

    model_config = ConfigDict(frozen=True)

    @property
    @abstractmethod
    def entries(self) -> Sequence[Label]:
        """What is known of each label."""

    @model_validator(mode="after")
    def _consistent(self) -> "Schema":
        repeated = {label for label in self.labels if self.labels.count(label) > 1}
        if repeated:
            raise ValueError(f"labels defined twice: {', '.join(sorted(repeated))}")
        if len(self.labels) < 2:
            raise ValueError("a schema needs at least two labels")
        if sum(entry.negative for entry in self.entries) > 1:
            raise ValueError("only one label can be the negative one")
        return self

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """All labels, the negative one included, in the schema's order."""
        return tuple(entry.label for entry in self.entries)

    @cached_property
    def negative(self) -> str | None:
        """The negative label, or None where the schema has none."""
        return next((entry.label for entry in self.entries if entry.negative), None)

    @cached_property
    def negative_class(self) -> int | None:
        """The class number of the negative label, or None where the schema has none."""
        return None if self.negative is None else self.labels.index(self.negative)


class PlainLabel(BaseModel):
    """A label of which no more is known than what it means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: LabelName
    definition: Prose
    negative: StrictBool = False

    @property
    def name(self) -> str:
        """The label in plain words."""
        return self.label.replace("_", " ")


class PlainSchema(Schema):
    """Labels of which no more is known than what they mean."""

    plain: tuple[PlainLabel, ...]

    @property
    def entries(self) -> Sequence[PlainLabel]:
        """The labels."""
        return self.plain


class Record(Protocol):
    """A labelled item of a task: an example."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def label(self) -> str: ...  # noqa: D102
    @property
    def method(self) -> str | None:
        """The method that wrote it; None for a real example."""


class Prompt(Protocol):
    """A request for new examples: what is asked, in what form the response must come, and how it is read."""

    def messages(self, demonstrations: Sequence[str]) -> "tuple[Message, ...]":
        """The conversation that shows `demonstrations`, examples as the task shows them, in the order given."""

    def response_schema(self) -> dict[str, Any] | None:
        """The JSON schema that a response must fit, or `{"regex": ...}`; None for free text."""

    def render_target(self, example: Any) -> str:
        """The response that an LLM would give if it wrote this one example."""

    def parse(self, id: str, text: str, *, truncated: bool) -> "list[Candidate]":
        """Read a response, whatever it is; `id` is the request's. What cannot be read becomes a candidate that says so.

        Never raises.
        """


@dataclass(frozen=True, slots=True)
class Ask:
    """All that decides what a request asks for, but for the examples that it shows."""

    method: str  # in the ids of candidates
    loop: str  # names the wording, where a task has one for each
    schema: Any
    label: str
    kind: str | None  # of the negative label's examples, one of the task's `negative_kinds`
    count: int  # of examples in the response
    rules: "RuleSettings"
    seeds: Sequence[Any]
    diversity_instruction: bool  # ask for examples as different as possible (Li, Dai and Li 2025)
    characters: int | None  # continuation: of the examples that are shown, at most
    near: str | None = None  # of the negative label's examples: the label that they come near
    kinds: tuple[str, ...] = ()  # over which those of one response are spread, each of `negative_kinds`
    surface: Any = None  # of the negative label's examples, one of `Task.surfaces`
    tuples: Sequence[Any] = ()  # that the examples are about, one of each; none: about anything
    reasoning: bool = False  # each example comes after words on how it will say what it is to say
    options: Mapping[str, str] = field(default_factory=dict)  # labels that examples may have, and how they are shown
    answers: tuple[str, ...] = ()  # labels of the examples, in order; none: any of `options`
    definitions: Mapping[str, str] = field(default_factory=dict)  # of labels, where they are to be shown


@dataclass(frozen=True, slots=True)
class Derived:
    """An example of the negative label that was made from seeds by rule, on its way to a candidate."""

    unit: str  # what it was made for: `near/<label>`, or `co_occurrence/<surface>`
    text: str  # as prompts show an example's text
    fields: dict[str, Any]  # of the candidate


class Task(ABC):
    """What is labelled. A task is one instance, `TASK` in the module `relseed.tasks.<name>`.

    What is not abstract is as it is for one text of which nothing is known but its words.
    """

    name: ClassVar[str]
    example_type: ClassVar[type[BaseModel]]
    item_type: ClassVar[type[BaseModel]]  # what is labelled: an example without id and label
    label_type: ClassVar[type[BaseModel]]  # a line of labels.jsonl
    schema_type: ClassVar[type[Schema]]  # takes the lines under the name of its only field
    columns: ClassVar[Mapping[str, bool]]  # plain fields that make an item, the first its text; whether required
    labels_file: ClassVar[str | None] = "labels.jsonl"  # in a folder of data; None: the labels are always the same
    fixed_schema: ClassVar[Schema | None] = None  # these labels
    negative_kinds: ClassVar[tuple[str, ...]] = ()  # of examples of the negative label that an LLM can be asked for
    derived_kinds: ClassVar[tuple[str, ...]] = ()  # of examples of the negative label that are made from seeds by rule
    forms: ClassVar[tuple[str, ...]] = ("chat",)  # of prompts, those of LLMs that can be asked

    @property
    def has_mentions(self) -> bool:
        """Whether its items have a head and a tail mention."""
        return {"head", "tail"} <= set(self.item_type.model_fields)

    @abstractmethod
    def text(self, example: Any) -> str:
        """The text in which duplicates, lengths and languages are found."""

    def misfit(self, example: Any, schema: Any) -> str | None:
        """Why the schema does not allow an example with one of its labels; None where it does."""
        return None

    def unfit(self, item: Any, schema: Any) -> str | None:
        """Why no label that asserts something fits an item, whatever it says; None where one does."""
        return None

    def labels_of(self, schema: Any, examples: Sequence[Any]) -> Any:
        """The schema of a dataset: where its labels are always the same, those that its examples can have."""
        return schema

    def choices(self, item: Any) -> Sequence[str]:
        """What an item gives to choose from, one for each label; nothing where its labels are those of the schema."""
        return ()

    def about(self, example: Any, schema: Any) -> str | None:
        """The label that an example speaks of, stated or not; None where it speaks of none."""
        return None if example.label == schema.negative else str(example.label)

    def item(self, example: Any) -> Hashable:
        """What an example labels: two examples of the same item must have the same label."""
        return self.text(example)

    def doubts(self, schema: Any) -> Mapping[str, Callable[[Any], str | None]]:
        """What may be wrong with an example that is well-formed, in words, and how it is told: a reason, or None."""
        return {}

    @abstractmethod
    def relabelled(self, example: Any, label: str) -> Any:
        """The example with another label, all else as it is; whether the schema allows it is for `misfit` to say."""

    def masked(self, example: Any) -> str:
        """The text with what an example can be renamed in masked: new names alone are no diversity."""
        return self.text(example)

    def key(self, example: Any) -> str:
        """The text by which examples are more or less similar: what an example is about, new names aside."""
        return self.masked(example)

    def texts(self, example: Any) -> tuple[str, str | None]:
        """The text, and the second text if there is one, that a cross-encoder reads."""
        return self.text(example), None

    def source(self, example: Any) -> str:
        """The text that an example is about, which others may be about, too."""
        return self.text(example)

    def surface(self, example: Any) -> Hashable:
        """What is known of an example before a word is read, such as the types of its mentions; None for nothing."""
        return None

    def surfaces(self, schema: Any) -> Sequence[Hashable]:
        """What the surface of an item can be where a label other than the negative one fits it; None for anything."""
        return (None,)

    def segments(self, example: Any) -> list[Segment]:
        """An example as people read it: pieces of text, each with its role (`head`) and a note, or without."""
        return [(self.text(example), None, None)]

    def candidate_segments(self, candidate: "Candidate") -> list[Segment]:
        """The same of a candidate, whatever it holds."""
        return [(candidate.text, None, None)]

    def derived(self, kind: str, schema: Any, seeds: Sequence[Any]) -> Iterator[Derived]:
        """Examples of the negative label that are made from seeds by rule, of one of `derived_kinds`.

        Raises:
            UserError: A seed has fields for it that cannot be read.
        """
        raise NotImplementedError

    def read_tuples(self, path: Path, schema: Any) -> list[Any]:
        """The entity tuples in a file that examples can be written about, each with `id` and `label`.

        Raises:
            UserError: The task has none, or the file has a line that is none.
        """
        raise UserError(f"examples of the task {self.name} are not written about entity tuples: use another loop")

    def read_drafts(self, path: Path, schema: Any) -> list[Any]:
        """The entity tuples of accepted examples, each with its example as a draft.

        Raises:
            UserError: The task has no tuples, or the file has a line that is no example.
        """
        return self.read_tuples(path, schema)

    @abstractmethod
    def show(self, example: Any) -> str:
        """An example as prompts show it.

        Raises:
            UserError: It cannot be shown without a doubt about what is what.
        """

    @abstractmethod
    def prompt(self, ask: Ask, form: str) -> Prompt:
        """A request for new examples in the form that the LLM takes, one of `forms`."""

    @abstractmethod
    def rules(self, schema: Any, seeds: Sequence[Any], settings: "RuleSettings") -> "Rules":
        """What a candidate must pass to become an example, in order."""

    def read_item(self, values: Mapping[str, Any]) -> Any:
        """An item to label from the fields of a line, or from `columns` of a request.

        Raises:
            ValueError: They are no item of the task.
        """
        return self.item_type.model_validate(values)


def load_task(name: str) -> Task:
    """The task of a name.

    Raises:
        UserError: There is none.
    """
    task: Task = load("relseed.tasks", name, "task").TASK
    return task


def read_schema(path: Path, task: Task, *, cure: str = "") -> Any:
    """Read labels.jsonl: one label a line.

    Raises:
        DataError: The file is missing, a line is malformed, or the labels contradict each other.
    """
    numbered = read_records(path, task.label_type, cure=cure)
    _check_alike(path, numbered)
    lines = tuple(line for _, line in numbered)
    [field] = task.schema_type.model_fields
    try:
        return task.schema_type.model_validate({field: lines})
    except ValidationError as error:
        raise DataError(path, None, problem_of(error)) from None


def _check_alike(path: Path, lines: Sequence[tuple[int, Any]]) -> None:
    """Raises DataError where labels differ in case or blanks alone: no reader, and no LLM, keeps them apart."""
    first: dict[str, tuple[int, str]] = {}
    for number, line in lines:
        at, label = first.setdefault("".join(line.label.split()).casefold(), (number, line.label))
        if label != line.label:
            problem = f"label {line.label!r} differs from {label!r} (line {at}) in case or blanks alone: rename one"
            raise DataError(path, number, problem)


def read_examples(path: Path, task: Task, schema: Any, *, cure: str = "", empty: bool = False) -> list[Any]:
    """Read a split: one example a line, each checked against the schema, ids unique in the file.

    Raises:
        DataError: The file is missing, or empty though it must not be (`empty`), or lines do not hold an example that
            the schema allows.
    """
    return list(each_example(path, task, schema, cure=cure, empty=empty))


def each_example(path: Path, task: Task, schema: Any, *, cure: str = "", empty: bool = False) -> Iterator[Any]:
    """Yield what `read_examples` reads as it is read, up to the first line that is wrong.

    Raises:
        DataError: As `read_examples` does. All lines are looked at before it is raised.
    """
    lines = scan_json_lines(path, cure=cure)
    return (found.example for found in _each_checked(path, task, schema, lines, empty=empty))


def checked(
    path: Path, task: Task, schema: Any, lines: Iterable[tuple[int | str, Mapping[str, Any] | DataError]]
) -> list[Located]:
    """Turn pairs of the place in `path` that they stand at and an example's fields into examples.

    An error in place of the fields says why they could not be read.

    Raises:
        DataError: Fields are no example, the schema does not allow it, an id repeats, or there is none. All places are
            looked at before it is raised.
    """
    return list(_each_checked(path, task, schema, lines, empty=False))


def _each_checked(
    path: Path,
    task: Task,
    schema: Any,
    lines: Iterable[tuple[int | str, Mapping[str, Any] | DataError]],
    *,
    empty: bool,
) -> Iterator[Located]:
    places: dict[str, int | str] = {}
    errors: list[DataError] = []
    for place, fields in lines:
        try:
            example = _example(fields, task, schema, places)
        except DataError as error:
            errors.append(error)
        except ValueError as error:
            errors.append(DataError(path, place, problem_of(error)))
        else:
            places[example.id] = place
            if not errors:
                yield Located(example, path, place)
    raise_all(errors)
    if not places and not empty:
        raise DataError(path, None, "holds no example")


def _example(fields: Mapping[str, Any] | DataError, task: Task, schema: Any, places: Mapping[str, int | str]) -> Any:
    if isinstance(fields, DataError):
        raise fields
    example: Any = task.example_type.model_validate(fields)
    if _UNPRINTABLE.search(example.id):
        raise ValueError(f"the id {example.id!r} holds a control character: take it out")
    if example.label not in schema.labels:
        raise ValueError(f"unknown label {example.label!r}: the schema has {', '.join(schema.labels)}")
    if problem := task.misfit(example, schema):
        raise ValueError(problem)
    if example.id in places:
        first = places[example.id]
        where = f"line {first}" if isinstance(first, int) else first
        raise ValueError(f"id {example.id!r} was used before ({where}): ids must differ")
    return example


def misfit_as(label: str, example: Any, task: Task, schema: Any) -> str | None:
    """Why an example cannot have this label in place of its own; None where it can."""
    if label not in schema.labels:
        return f"unknown label {label!r}: the schema has {', '.join(schema.labels)}"
    if (choices := task.choices(example)) and label not in schema.labels[: len(choices)]:
        return f"the label {label} is for an option that it does not have: it has {len(choices)}"
    return task.misfit(task.relabelled(example, label), schema)


def identity(*parts: Sequence[Any]) -> str:
    """Twelve hexadecimal digits that identify lists of examples: of the SHA-256 of all records, in order."""
    records = [[_plain(example) for example in part] for part in parts]
    return hashlib.sha256(json.dumps(records, sort_keys=True).encode()).hexdigest()[:12]


def _plain(example: Any) -> dict[str, Any]:
    return example.model_dump(mode="json", exclude=None if example.method else {"method"})
