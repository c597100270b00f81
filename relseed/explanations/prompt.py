"""Why does this head have this relation to this tail? The question, and what an answer must pass."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from relseed.explanations.explanation import Explanation
from relseed.llm.request import Message
from relseed.pipeline.templates import render
from relseed.quality.duplicates import normalise, similarity
from relseed.records.candidates import REFUSED, Candidate, Rejected
from relseed.tasks.relation import TASK, Example, Schema
from relseed.tasks.structured import describe_error, json_object, json_schema

METHOD = "explain"
# From this Jaccard similarity of word trigrams on, an explanation repeats its instructions.
_ECHO = 0.5


class _Response(BaseModel):
    model_config = ConfigDict(extra="ignore")

    trigger: str
    explanation: str


@dataclass(frozen=True, slots=True)
class ExplanationPrompt:
    """A request to explain one seed."""

    schema: Schema
    seed: Example

    def messages(self) -> tuple[Message, ...]:
        """The conversation about this seed."""
        return (Message(role="user", content=self._rendered()),)

    def response_schema(self) -> dict[str, Any]:
        """The JSON schema that a response must fit."""
        return json_schema(trigger={"type": "string"}, explanation={"type": "string"})

    def parse(self, id: str, text: str, *, truncated: bool) -> list[Candidate]:
        """A response, whatever it is, as a candidate; `id` is the request's, of which it is the only one."""
        problem = "the response was cut off" if truncated else None
        label = self.seed.relation
        return [Candidate(id=id, method=METHOD, label=label, text=text, problem=problem, truncated=truncated)]

    def apply_rules(self, candidate: Candidate) -> Explanation | Rejected:
        """The explanation in a candidate, or the rule that rejects it. Never raises, whatever it holds."""
        if candidate.problem:
            rule = REFUSED if candidate.refused else "truncated"
            return Rejected(candidate=candidate, rule=rule, reason=candidate.problem)
        try:
            response = _Response.model_validate(json_object(candidate.text, "trigger", "explanation"))
        except (ValueError, RecursionError) as error:
            return Rejected(candidate=candidate, rule="unparseable", reason=describe_error(error))
        explanation, trigger = response.explanation.strip(), response.trigger.strip()
        if problem := self._problem(explanation, trigger):
            return Rejected(candidate=candidate, rule=problem[0], reason=problem[1])
        seed = self.seed
        return Explanation(id=candidate.id, seed=seed.id, relation=seed.relation, text=explanation, trigger=trigger)

    def _rendered(self) -> str:
        seed = self.seed
        return render(
            Path(__file__).with_name("explain.jinja"),
            sentence=TASK.show(seed),
            relation=self.schema.by_label[seed.relation],
            others=[other for other in self.schema.relations if not other.negative],
            head=seed.head.text_of(seed.text),
            tail=seed.tail.text_of(seed.text),
            head_type=seed.head.type,
            tail_type=seed.tail.type,
        )

    def _problem(self, explanation: str, trigger: str) -> tuple[str, str] | None:
        if not explanation:
            return "empty", "the explanation is empty"
        for role, mention in (("head", self.seed.head), ("tail", self.seed.tail)):
            words = mention.text_of(self.seed.text)
            if words.casefold() not in explanation.casefold():
                return "mention_missing", f"the explanation does not mention the {role} {words!r}"
        if trigger not in self.seed.text:
            return "trigger_not_in_sentence", f"{trigger!r} is not in the sentence"
        if not trigger and not self.schema.by_label[self.seed.relation].negative:
            return "trigger_not_in_sentence", "no words are named that carry the relation"
        return self._echo(explanation)

    def _echo(self, explanation: str) -> tuple[str, str] | None:
        """Whether the explanation just says again what it was asked."""
        asked = self._rendered()
        closest = max(similarity(explanation, line) for line in (self.seed.text, *asked.splitlines()))
        if closest >= _ECHO:
            return "echo", f"the explanation repeats the prompt (similarity {closest:.2f})"
        if normalise(explanation) in normalise(asked):
            return "echo", "the explanation is a part of the prompt"
        return None
