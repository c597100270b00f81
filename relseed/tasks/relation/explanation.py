"""Explanations of seeds (TKRE's explanation-driven knowledge): the question, and how an answer is read and checked."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from relseed.llm.request import Message
from relseed.quality.duplicates import normalise, similarity
from relseed.tasks.relation import Example, Schema
from relseed.tasks.relation.templates import demonstration, prompt
from relseed.tasks.relation.written import Draft, Explanation, Rejected
from relseed.tasks.structured import json_object, json_schema, say

METHOD = "explain"
# From this Jaccard similarity of word trigrams on, an explanation repeats its instructions.
_ECHO = 0.5


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")

    trigger: str
    explanation: str


@dataclass(frozen=True, slots=True)
class Explaining:
    """A request to explain one seed."""

    schema: Schema
    seed: Example

    @property
    def id(self) -> str:
        """`explain/<id of the seed>`."""
        return f"{METHOD}/{self.seed.id}"

    def messages(self) -> tuple[Message, ...]:
        """The conversation about this seed."""
        return (Message(role="user", content=self._prompt()),)

    def answer(self) -> dict[str, Any]:
        """The JSON schema that an answer must fit."""
        return json_schema(trigger={"type": "string"}, explanation={"type": "string"})

    def parse(self, id: str, text: str, *, truncated: bool) -> list[Draft]:
        """An answer, whatever it is, as a draft; `id` is the request's."""
        problem = "the answer was cut off" if truncated else None
        return [
            Draft(id=id, method=METHOD, relation=self.seed.relation, text=text, truncated=truncated, problem=problem)
        ]

    def judge(self, draft: Draft) -> Explanation | Rejected:
        """The explanation in a draft, or the check that it fails and why. Never raises, whatever the draft holds."""
        if draft.problem:
            return Rejected(draft=draft, check="truncated", reason=draft.problem)
        try:
            answer = _Answer.model_validate(json_object(draft.text))
        except (ValueError, RecursionError) as error:
            return Rejected(draft=draft, check="unparseable", reason=say(error))
        explanation, trigger = answer.explanation.strip(), answer.trigger.strip()
        if problem := self._problem(explanation, trigger):
            return Rejected(draft=draft, check=problem[0], reason=problem[1])
        seed = self.seed
        return Explanation(id=draft.id, seed=seed.id, relation=seed.relation, text=explanation, trigger=trigger)

    def _prompt(self) -> str:
        seed = self.seed
        return prompt(
            "explain",
            sentence=demonstration(seed),
            relation=self.schema.by_label[seed.relation],
            others=[other for other in self.schema.relations if not other.negative],
            head=seed.head.within(seed.text),
            tail=seed.tail.within(seed.text),
            head_type=seed.head.type,
            tail_type=seed.tail.type,
        )

    def _problem(self, explanation: str, trigger: str) -> tuple[str, str] | None:
        if not explanation:
            return "empty", "the explanation is empty"
        for role, mention in (("head", self.seed.head), ("tail", self.seed.tail)):
            words = mention.within(self.seed.text)
            if words.casefold() not in explanation.casefold():
                return "mention_missing", f"the explanation does not mention the {role} {words!r}"
        if trigger not in self.seed.text:
            return "trigger_not_in_sentence", f"{trigger!r} is not in the sentence"
        if not trigger and not self.schema.by_label[self.seed.relation].negative:
            return "trigger_not_in_sentence", "no words are named that carry the relation"
        return self._echo(explanation)

    def _echo(self, explanation: str) -> tuple[str, str] | None:
        """Whether the explanation just says again what it was asked."""
        asked = self._prompt()
        closest = max(similarity(explanation, line) for line in (self.seed.text, *asked.splitlines()))
        if closest >= _ECHO:
            return "echo", f"the explanation repeats the prompt (similarity {closest:.2f})"
        if normalise(explanation) in normalise(asked):
            return "echo", "the explanation is a part of the prompt"
        return None
