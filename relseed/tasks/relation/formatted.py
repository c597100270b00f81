"""Sentences as JSON objects: relation, types, then the sentence with tags."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from relseed.tasks.formatting import Format, Read, label_of, text_of
from relseed.tasks.relation import TASK, Example, Relation
from relseed.tasks.relation.prompt import SENTENCE, known_types
from relseed.tasks.structured import json_schema
from relseed.tasks.task import Ask

_RULES = (
    "The sentence states, or lets a reader conclude with certainty, that its answer holds from the head to the tail.",
    "Exactly one head and one tail are marked, each a whole mention; no tag occurs otherwise.",
    "Names are invented. The sentence contains no label, no comment and no straight double quotes.",
)


def format_of(ask: Ask) -> Format:
    """The format of sentences with the relations that are asked for."""
    return _Sentences(ask, known_types(ask.schema, ask.seeds)).format()


@dataclass(frozen=True, slots=True)
class _Sentences:
    ask: Ask
    types: tuple[str, ...]  # of mentions, where anyone knows some

    def format(self) -> Format:
        ask = self.ask
        definitions = {
            label: f"{_types(ask.schema.by_label[label])}{ask.definitions[label]}" for label in ask.definitions
        }
        return Format(
            about=(
                "a sentence with two marked mentions, the head as <e1>...</e1> and the tail as <e2>...</e2>, "
                "and the relation that the sentence states between the two"
            ),
            rules=_RULES,
            options=ask.options,
            definitions=definitions,
            sample=self.sample,
            write=self.write,
            read=self.read,
        )

    def sample(self, label: str | None) -> dict[str, Any]:
        """The types are those of the answer, by construction."""
        if label is None and self.types:
            return {"anyOf": [self.sample(each) for each in self.ask.options]}
        answers = [self.ask.options[label]] if label else list(self.ask.options.values())
        relation = self.ask.schema.by_label[label] if label else None
        types = {role: {"enum": self._allowed(relation, role)} for role in ("head_type", "tail_type") if self.types}
        return json_schema(answer={"enum": answers}, **types, sentence={"type": "string", "pattern": SENTENCE})

    def _allowed(self, relation: Relation | None, role: str) -> list[str]:
        own = getattr(relation, role) if relation else None
        return [own] if own else list(self.types)

    def write(self, example: Example) -> dict[str, Any]:
        types = {"head_type": example.head.type, "tail_type": example.tail.type} if self.types else {}
        return {"answer": self.ask.options[example.relation], **types, "sentence": TASK.show(example)}

    def read(self, sample: Mapping[str, Any]) -> Read:
        label = label_of(text_of(sample, "answer"), self.ask.options)
        types = {role: text_of(sample, role) for role in ("head_type", "tail_type") if self.types}
        fields = {"relation": label, **types}
        if label == self.ask.schema.negative and self.ask.kind:
            fields["kind"] = self.ask.kind
        return Read(label, text_of(sample, "sentence"), fields)


def _types(relation: Relation) -> str:
    if not relation.head_type and not relation.tail_type:
        return ""
    return f"({relation.head_type or 'any'}, {relation.tail_type or 'any'}) "
