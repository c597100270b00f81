"""Yes-or-no questions, with a passage that answers them or without: the answer is `true` or `false`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError

from relseed.tasks.task import Ask, PlainLabel, PlainSchema, Prompt, Segment, Task

if TYPE_CHECKING:
    from relseed.quality.rules import Rules, RuleSettings
    from relseed.records.candidates import Candidate

LABELS = ("true", "false")


class Question(BaseModel):
    """A question that is answered by yes or no; fields that a dataset adds are kept."""

    model_config = ConfigDict(extra="allow", frozen=True)

    id: str | None = None
    question: str = Field(min_length=1)
    passage: str | None = None  # that holds the answer (open book); None: it must be known (closed book)


class AnsweredQuestion(Question):
    """A question with its answer."""

    id: str
    answer: StrictBool
    method: str | None = None  # that wrote it; None for a real example

    @property
    def label(self) -> str:
        """The answer as a label."""
        return LABELS[not self.answer]


class YesNoTask(Task):
    """Yes-or-no questions, as a task among others."""

    name = "yes_no"
    example_type = AnsweredQuestion
    item_type = Question
    label_type = PlainLabel
    schema_type = PlainSchema
    columns = {"question": True, "passage": False}  # noqa: RUF012 (ClassVar in Task)
    labels_file = None
    fixed_schema = PlainSchema(
        plain=(
            PlainLabel(label="true", definition="the answer to the question is yes"),
            PlainLabel(label="false", definition="the answer to the question is no"),
        )
    )

    def text(self, example: Question) -> str:
        """The question, after its passage."""
        return f"{example.passage}\n{example.question}" if example.passage else example.question

    def relabelled(self, example: AnsweredQuestion, label: str) -> AnsweredQuestion:
        """The same question with the other answer."""
        return example.model_copy(update={"answer": label == LABELS[0]})

    def texts(self, example: Question) -> tuple[str, str | None]:
        """The question and its passage."""
        return example.question, example.passage

    def key(self, example: Question) -> str:
        """The question."""
        return example.question

    def source(self, example: Question) -> str:
        """The passage, else the question."""
        return example.passage or example.question

    def segments(self, example: Question) -> list[Segment]:
        """The question, and its passage after it."""
        pieces: list[Segment] = [(example.question, "question", None)]
        return [*pieces, (f" {example.passage}", None, None)] if example.passage else pieces

    def candidate_segments(self, candidate: "Candidate") -> list[Segment]:
        """The same where it has a question, else its text as it came."""
        try:
            return self.segments(Question.model_validate(_fields(candidate)))
        except ValidationError:
            return [(candidate.text, None, None)]

    def show(self, example: AnsweredQuestion) -> str:
        """The example as JSON, the answer first."""
        passage = {"passage": example.passage} if example.passage else {}
        shown = {"answer": example.label, **passage, "question": example.question}
        return json.dumps(shown, ensure_ascii=False)

    def prompt(self, ask: Ask, form: str) -> Prompt:
        """A request for questions that have one of the answers, with passages where seeds have some.

        The answer stands before the question, so that what is written is conditioned on it.
        """
        if ask.options:
            from relseed.tasks.formatting import FormattingPrompt
            from relseed.tasks.yes_no.formatted import format_of

            return FormattingPrompt(ask, format_of(ask))
        from relseed.tasks.structured import SamplesPrompt

        text = {"type": "string"}
        passage = {"passage": text} if open_book(ask.seeds) else {}
        fields = {"answer": {"enum": [ask.label]}, **passage, "question": text}
        return SamplesPrompt(ask, Path(__file__).with_name("questions.jinja"), fields, "question", self.show)

    def rules(self, schema: PlainSchema, seeds: Sequence[AnsweredQuestion], settings: "RuleSettings") -> "Rules":
        """Form, the answer that was asked for, lengths, copies, language."""
        from relseed.quality.rules import COPIES, FORM, LANGUAGE, Rules, passage_missing, truncated, unparseable

        return Rules(
            on_candidates={
                "truncated": truncated,
                "unparseable": unparseable,
                "wrong_answer": _wrong_answer,
                "no_question": _no_question,
                "passage_missing": lambda candidate: passage_missing(candidate, wanted=open_book(seeds)),
            },
            example=_example,
            on_examples={**FORM, **COPIES, **LANGUAGE},
            text=self.text,
            item=self.item,
            masked=self.masked,
        )


TASK = YesNoTask()


def _fields(candidate: "Candidate") -> dict[str, Any]:
    passage = candidate.fields.get("passage")
    return {"question": candidate.text.strip()} | ({"passage": passage.strip()} if passage else {})


def _example(candidate: "Candidate") -> AnsweredQuestion:
    others = {"answer": candidate.label == "true", "method": candidate.method}
    return AnsweredQuestion.model_validate({"id": candidate.id, **_fields(candidate), **others})


def _wrong_answer(candidate: "Candidate") -> str | None:
    answer = str(candidate.fields.get("answer")).strip().casefold()
    return None if answer == candidate.label else f"the answer is {answer!r}, asked for was {candidate.label!r}"


def _no_question(candidate: "Candidate") -> str | None:
    return None if candidate.text.strip().endswith(("?", "？", "؟")) else "it does not end with a question mark"


def open_book(seeds: Sequence[AnsweredQuestion]) -> bool:
    """Whether questions have passages that answer them."""
    return any(seed.passage for seed in seeds)
