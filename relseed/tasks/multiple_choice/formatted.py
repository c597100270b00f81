"""Multiple-choice questions as JSON objects: options and answer first where all have the same options, else last."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relseed.pipeline.errors import UserError
from relseed.tasks.formatting import Format, Read, text_of, texts_of
from relseed.tasks.multiple_choice import AnsweredQuestion, fields_of, fixed_options, written
from relseed.tasks.structured import json_schema
from relseed.tasks.task import Ask

_RULES = (
    "Exactly one option is right, beyond doubt; the others are of the same kind, plausible at first sight, and wrong.",
    "The answer is one of the options, letter for letter.",
)
_PLACES = "The right option stands at another place each time, and is neither longer nor more precise than the others."


def format_of(ask: Ask) -> Format:
    """The format of questions, with passages where seeds have some.

    Raises:
        UserError: Certain answers are asked for, and questions have options of their own.
    """
    fields, fixed = fields_of(ask.seeds), fixed_options(ask.seeds)
    if ask.answers and len(fixed or ()) < len(ask.options):
        raise UserError(
            f"the method {ask.method} is to ask for the rarest answers, and questions have options of their own: set "
            "its `balanced` to false"
        )
    if fixed:
        others = {name: schema for name, schema in fields.items() if name not in ("options", "answer")}
        fields = {"answer": {"enum": list(fixed)}, **others}
    return _Questions(fields, fixed).format(ask)


@dataclass(frozen=True, slots=True)
class _Questions:
    fields: Mapping[str, Any]  # JSON schemas, in order
    fixed: tuple[str, ...] | None  # the options that all have

    def format(self, ask: Ask) -> Format:
        return Format(
            about="a question with several options, exactly one of which is right, and its answer",
            rules=_RULES if self.fixed else (*_RULES, _PLACES),
            options=dict(zip(ask.options, self.fixed, strict=False)) if self.fixed else None,
            definitions={},
            sample=self.sample,
            write=self.write,
            read=self.read,
        )

    def sample(self, label: str | None) -> dict[str, Any]:
        own = {"answer": {"enum": [self.fixed[int(label) - 1]]}} if self.fixed and label else {}
        return json_schema(**{**self.fields, **own})

    def write(self, example: AnsweredQuestion) -> dict[str, Any]:
        shown = written(example, "passage" in self.fields)
        return {name: shown[name] for name in self.fields}

    def read(self, sample: Mapping[str, Any]) -> Read:
        options, answer = self.fixed or texts_of(sample, "options"), text_of(sample, "answer")
        passage = {"passage": text_of(sample, "passage")} if "passage" in self.fields else {}
        said = {**passage, "options": list(options), "answer": answer}
        return Read(_place(answer, options), text_of(sample, "question"), said)


def _place(answer: str, options: Sequence[str]) -> str:
    """The place of an answer among options, blanks around them aside; the first where a rule says that it has none."""
    places = [option.strip() for option in options]
    return str(places.index(answer.strip()) + 1) if answer.strip() in places else "1"
