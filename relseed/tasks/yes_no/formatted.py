"""Yes-or-no questions as JSON objects: answer, passage, then the question."""

from collections.abc import Mapping
from typing import Any

from relseed.tasks.formatting import Format, Read, label_of, text_of
from relseed.tasks.structured import json_schema
from relseed.tasks.task import Ask
from relseed.tasks.yes_no import AnsweredQuestion, open_book


def format_of(ask: Ask) -> Format:
    """The format of questions, with passages where seeds have some."""
    fields = ("passage", "question") if open_book(ask.seeds) else ("question",)

    def sample(label: str | None) -> dict[str, Any]:
        answers = [ask.options[label]] if label else list(ask.options.values())
        return json_schema(answer={"enum": answers}, **{name: {"type": "string"} for name in fields})

    def write(example: AnsweredQuestion) -> dict[str, Any]:
        return {"answer": ask.options[example.label], **{name: getattr(example, name) for name in fields}}

    def read(sample: Mapping[str, Any]) -> Read:
        label = label_of(text_of(sample, "answer"), ask.options)
        passage = {"passage": text_of(sample, "passage")} if "passage" in fields else {}
        return Read(label, text_of(sample, "question"), {"answer": label, **passage})

    return Format(
        about="a question that is answered by yes or no, and its answer" + _PASSAGE * (len(fields) - 1),
        rules=(_SHOWN, "The question ends with a question mark.") if "passage" in fields else _RULES,
        options=ask.options,
        definitions=ask.definitions,
        sample=sample,
        write=write,
        read=read,
    )


_PASSAGE = ", after a passage that it is answered from"
_SHOWN = "The passage is invented, and shows the answer beyond doubt without the words of the question."
_RULES = (
    "The answer is beyond doubt: it is common knowledge, or follows from it.",
    "The question stands alone and ends with a question mark.",
)
