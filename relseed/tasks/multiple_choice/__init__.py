"""Questions with several options, one of which is right: the label is its place, from 1.

Each question has options of its own (Lee et al. 2023: a variable label space), or all have the same (a fixed one).
"""

import json
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from relseed.tasks.task import Ask, PlainLabel, PlainSchema, Prompt, Segment, Task

if TYPE_CHECKING:
    from relseed.quality.rules import Rules, RuleSettings
    from relseed.records.candidates import Candidate

MOST = 10  # options of a question
_OPTIONS = TypeAdapter(tuple[str, ...])


class Question(BaseModel):
    """A question and its options; fields that a dataset adds are kept."""

    model_config = ConfigDict(extra="allow", frozen=True)

    id: str | None = None
    question: str = Field(min_length=1)
    passage: str | None = None  # that holds the answer
    options: tuple[str, ...] = Field(min_length=2, max_length=MOST)

    @field_validator("options", mode="before")
    @classmethod
    def _split(cls, options: Any) -> Any:
        """Tables and forms have all options in one text, with a vertical bar between two."""
        return tuple(map(str.strip, options.split("|"))) if isinstance(options, str) else options

    @field_validator("options")
    @classmethod
    def _differ(cls, options: tuple[str, ...]) -> tuple[str, ...]:
        plain = [option.strip().casefold() for option in options]
        if "" in plain:
            raise ValueError(f"option {plain.index('') + 1} is empty")
        if repeated := [option for option in plain if plain.count(option) > 1]:
            raise ValueError(f"the option {repeated[0]!r} occurs twice")
        return options


class AnsweredQuestion(Question):
    """A question with its answer, one of its options."""

    id: str
    answer: str
    method: str | None = None  # that wrote it; None for a real example

    @model_validator(mode="after")
    def _is_among_options(self) -> "AnsweredQuestion":
        if self.answer not in self.options:
            raise ValueError(f"the answer {self.answer!r} is not among the options {', '.join(self.options)}")
        return self

    @property
    def label(self) -> str:
        """The place of the answer among the options, from 1."""
        return str(self.options.index(self.answer) + 1)


class MultipleChoiceTask(Task):
    """Multiple-choice questions, as a task among others."""

    name = "multiple_choice"
    example_type = AnsweredQuestion
    item_type = Question
    label_type = PlainLabel
    schema_type = PlainSchema
    columns = {"question": True, "options": True, "passage": False}  # noqa: RUF012 (ClassVar in Task)
    labels_file = None
    fixed_schema = PlainSchema(
        plain=tuple(PlainLabel(label=str(n), definition=f"option {n} is right") for n in range(1, MOST + 1))
    )

    def labels_of(self, schema: PlainSchema, examples: Sequence[AnsweredQuestion]) -> PlainSchema:
        """As many places as a question has options, at most."""
        most = max((len(example.options) for example in examples), default=2)
        return PlainSchema(plain=schema.plain[:most])

    def choices(self, item: Question) -> Sequence[str]:
        """The options."""
        return item.options

    def text(self, example: Question) -> str:
        """The question, after its passage; options are no part of it."""
        return f"{example.passage}\n{example.question}" if example.passage else example.question

    def item(self, example: Question) -> Hashable:
        """The question and its options: with others, the answer stands at another place."""
        return self.text(example), example.options

    def key(self, example: Question) -> str:
        """The question."""
        return example.question

    def relabelled(self, example: AnsweredQuestion, label: str) -> AnsweredQuestion:
        """The same question with the option at this place as its answer, as it is where it has none there."""
        place = int(label) - 1
        return example.model_copy(update={"answer": (example.options[place : place + 1] or (example.answer,))[0]})

    def texts(self, example: Question) -> tuple[str, str | None]:
        """The passage with the question, and the options."""
        return self.text(example), " / ".join(example.options)

    def source(self, example: Question) -> str:
        """The passage, else the question."""
        return example.passage or example.question

    def segments(self, example: Question) -> list[Segment]:
        """The question, its options with the answer marked, its passage."""
        answer = getattr(example, "answer", None)
        pieces: list[Segment] = [(example.question, "question", None)]
        for option in example.options:
            pieces += [(" / ", None, None), (option, "answer" if option == answer else None, None)]
        return [*pieces, (f" {example.passage}", None, None)] if example.passage else pieces

    def candidate_segments(self, candidate: "Candidate") -> list[Segment]:
        """The same where it is a question with options, else its text as it came."""
        try:
            return self.segments(_example(candidate))
        except ValidationError:
            return [(candidate.text, None, None)]

    def show(self, example: AnsweredQuestion) -> str:
        """The example as JSON, options and answer last."""
        return json.dumps(written(example, bool(example.passage)), ensure_ascii=False)

    def prompt(self, ask: Ask, form: str) -> Prompt:
        """A request for questions: after one that is shown, or whose answers stand at a certain place.

        Raises:
            UserError: Certain answers are asked for, and questions have options of their own.
        """
        if ask.options:
            from relseed.tasks.formatting import FormattingPrompt
            from relseed.tasks.multiple_choice.formatted import format_of

            return FormattingPrompt(ask, format_of(ask))
        from relseed.tasks.structured import SamplesPrompt

        template = Path(__file__).with_name("questions.jinja")
        return SamplesPrompt(ask, template, fields_of(ask.seeds), "question", self.show)

    def rules(self, schema: PlainSchema, seeds: Sequence[AnsweredQuestion], settings: "RuleSettings") -> "Rules":
        """Form, passage, options, an answer among them where it was asked for, lengths, copies, language."""
        from relseed.quality.rules import COPIES, FORM, LANGUAGE, Rules, passage_missing, truncated, unparseable

        return Rules(
            on_candidates={
                "truncated": truncated,
                "unparseable": unparseable,
                "no_question": _no_question,
                "passage_missing": lambda candidate: passage_missing(candidate, wanted=open_book(seeds)),
                "wrong_options": lambda candidate: _wrong_options(candidate, seeds),
                "answer_missing": _answer_missing,
                "wrong_place": _wrong_place,
            },
            example=_example,
            on_examples={**FORM, **COPIES, **LANGUAGE},
            text=self.text,
            item=self.text,  # a question that comes twice in a response is a duplicate whatever its options
            masked=self.masked,
        )


TASK = MultipleChoiceTask()


def _example(candidate: "Candidate") -> AnsweredQuestion:
    passage = (candidate.fields.get("passage") or "").strip()
    said = {"question": candidate.text.strip(), **({"passage": passage} if passage else {})}
    options = [option.strip() for option in _options(candidate)]
    chosen = {"options": options, "answer": _answer(candidate), "method": candidate.method}
    return AnsweredQuestion.model_validate({"id": candidate.id, **said, **chosen})


def _options(candidate: "Candidate") -> tuple[str, ...]:
    try:
        return _OPTIONS.validate_python(candidate.fields.get("options"))
    except ValidationError:
        return ()


def _answer(candidate: "Candidate") -> str:
    return (candidate.fields.get("answer") or "").strip()


def _no_question(candidate: "Candidate") -> str | None:
    return None if candidate.text.strip() else "the question is empty"


def _wrong_options(candidate: "Candidate", seeds: Sequence[AnsweredQuestion]) -> str | None:
    """Whether options are missing, empty, twice there, or unlike those of the seeds in their number or words."""
    options = tuple(option.strip() for option in _options(candidate))
    if len(options) not in (wanted := sorted({len(seed.options) for seed in seeds})):
        return f"{len(options)} options, not {' or '.join(map(str, wanted))}"
    if "" in options or len({option.casefold() for option in options}) < len(options):
        return f"an option is empty or occurs twice: {', '.join(options)}"
    fixed = tuple(option.strip() for option in fixed_options(seeds) or options)
    return f"the options are {', '.join(options)}, not those of the seeds" if options != fixed else None


def _answer_missing(candidate: "Candidate") -> str | None:
    answer, options = _answer(candidate), [option.strip() for option in _options(candidate)]
    return None if answer in options else f"the answer {answer!r} is not among the options {', '.join(options)}"


def _wrong_place(candidate: "Candidate") -> str | None:
    found = _example(candidate).label
    return None if found == candidate.label else f"the answer stands at place {found}, not {candidate.label}"


def fixed_options(seeds: Sequence[AnsweredQuestion]) -> tuple[str, ...] | None:
    """The options that all questions have; None where they have their own."""
    return seeds[0].options if len({seed.options for seed in seeds}) == 1 and len(seeds) > 1 else None


def open_book(seeds: Sequence[AnsweredQuestion]) -> bool:
    """Whether questions have passages that answer them."""
    return any(seed.passage for seed in seeds)


def written(example: AnsweredQuestion, passage: bool) -> dict[str, Any]:
    """A question as prompts show it."""
    shown = {"passage": example.passage} if passage else {}
    return {**shown, "question": example.question, "options": list(example.options), "answer": example.answer}


def fields_of(seeds: Sequence[AnsweredQuestion]) -> dict[str, Any]:
    """The JSON schemas of a question's fields, with a passage where a seed has one."""
    text, counts = {"type": "string"}, [len(seed.options) for seed in seeds]
    options = {"type": "array", "items": text, "minItems": min(counts), "maxItems": max(counts)}
    passage = {"passage": text} if open_book(seeds) else {}
    return {**passage, "question": text, "options": options, "answer": text}
