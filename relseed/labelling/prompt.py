"""What an LLM is asked that labels an item, and what its answer says."""

import json
import random
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import relseed.tasks
from relseed.labelling.labeller import Reading
from relseed.llm.request import Message
from relseed.pipeline.errors import UserError
from relseed.pipeline.templates import render
from relseed.tasks.structured import json_object, json_schema
from relseed.tasks.task import Label, Task

CODES = string.ascii_uppercase + string.ascii_lowercase  # one token each in any vocabulary


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A labelled example that a prompt shows, and why it has its label, where that is shown, too."""

    example: Any
    reason: str | None


@dataclass(frozen=True)
class LabelPrompt:
    """A request to label one item."""

    task: Task
    schema: Any
    item: Any
    demonstrations: Sequence[Demonstration]
    answer: Reading
    order_seed: str  # of the labels: another order in each prompt, but for the negative one, which is last
    neutral: bool = False  # ask about nothing: what an answer is worth before anything is read

    @cached_property
    def labels(self) -> Mapping[str, Label]:
        """The labels by their codes, or by numbers where none are asked for, in the order of the prompt.

        The negative one is last: datasets define it as "none of the above".

        Raises:
            UserError: Codes are asked for, and there are more labels.
        """
        entries = list(self.schema.entries)
        random.Random(self.order_seed).shuffle(entries)
        entries.sort(key=lambda entry: entry.negative)
        if self.answer != "code":
            return {str(number): entry for number, entry in enumerate(entries)}
        if len(entries) > len(CODES):
            known = f"the schema has {len(entries)} labels, there are codes for {len(CODES)}"
            raise UserError(f"{known}: take another `answer` than code")
        return dict(zip(CODES, entries, strict=False))

    def messages(self) -> tuple[Message, ...]:
        """The conversation that ends where the answer begins.

        Raises:
            UserError: The task has no prompt for this.
        """
        template = Path(relseed.tasks.__path__[0]) / self.task.name / "label.jinja"
        if not template.is_file():
            raise UserError(f"the task {self.task.name} has no prompt for labelling: write {template}")
        shown = [
            {"item": each.example, "reason": each.reason, "answer": self.answer_of(each.example.label)}
            for each in self.demonstrations
        ]
        asked = render(
            template,
            labels=self.labels,
            coded=self.answer == "code",
            demonstrations=shown,
            item=self._unlabelled,
            neutral=self.neutral,
            show=self.task.show,
        )
        return (Message(role="user", content=asked),)

    @property
    def _unlabelled(self) -> Any:
        """The item without all that its label could be read from."""
        item_type = self.task.item_type
        return item_type.model_validate(self.item.model_dump(include=set(item_type.model_fields)))

    def response_schema(self) -> dict[str, Any] | None:
        """The JSON schema of an answer; None where it is free text."""
        return json_schema(answer={"enum": list(self.labels)}) if self.answer == "code" else None

    def answer_of(self, label: str) -> str:
        """The answer that means a label."""
        code, entry = next((code, entry) for code, entry in self.labels.items() if entry.label == label)
        return json.dumps({"answer": code}) if self.answer == "code" else entry.name

    def read(self, text: str) -> str | None:
        """The label that an answer means, whatever it is; None where it means none.

        Free text must be the name of a label, up to its first full stop or line break.
        """
        if self.answer == "code":
            return self._read_code(text)
        return self._by_name.get(_plain(text))

    @cached_property
    def _by_name(self) -> Mapping[str, str]:
        """Labels by what their names are read as.

        Raises:
            UserError: Two are read as the same.
        """
        names: dict[str, str] = {}
        for entry in self.labels.values():
            if (other := names.setdefault(_plain(entry.name), entry.label)) != entry.label:
                raise UserError(f"free text cannot tell {other} from {entry.label}: take another `answer` than text")
        return names

    def _read_code(self, text: str) -> str | None:
        try:
            found = self.labels.get(str(json_object(text, "answer").get("answer")))
        except (ValueError, RecursionError):
            return None
        return None if found is None else found.label


def _plain(text: str) -> str:
    """What is compared: up to the first line break or full stop, in small letters."""
    first = text.strip().partition("\n")[0].partition(".")[0]
    return " ".join(first.casefold().replace("_", " ").split())
