"""Sentences about entity tuples (AmalREC): what an LLM is asked for, and how a response is read.

The mentions of a sentence are the names of its tuple, letter for letter: a response is held to them while it is
written where an engine can do so, and is compared with them in any case.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from relseed.llm.request import Message
from relseed.pipeline.errors import UserError
from relseed.records.candidates import Candidate, candidate_id
from relseed.tasks.relation import Relation
from relseed.tasks.relation.entity_tuple import EntityTuple
from relseed.tasks.relation.prompt import ANY, rendered
from relseed.tasks.relation.tags import untag
from relseed.tasks.structured import CUT_OFF, SamplesParser, describe_error, json_schema, list_object
from relseed.tasks.task import Ask, Prompt

_BEFORE, _BEHIND = "[ ('‘“—–-]", "[ ,;:)'’”—–-]"  # what may touch a mention inside of a sentence
_SLOT = re.compile(r"\{(head|tail)\}")
_META = re.compile(r"[\\.+*?()|\[\]{}^$#&~/-]")  # what a regular expression would not take as it stands


def tuple_prompt(ask: Ask, form: str) -> Prompt:
    """The request for sentences about the tuples that are asked for.

    Raises:
        UserError: There is none in this form.
    """
    if ask.loop == "template":
        return TemplatePrompt(ask)
    if form == "chat" and ask.loop != "paraphrase":
        return TuplesPrompt(ask)
    from relseed.tasks.relation.plain_prompt import PlainPrompt

    if form == "continuation":
        raise UserError(f"the method {ask.method}: the loop {ask.loop} needs an LLM whose form is chat or plain")
    return PlainPrompt.of(ask, form)


def literal(name: str) -> str:
    """A regular expression that fits this name alone."""
    return _META.sub(lambda found: f"\\{found.group()}", name)


def around(head: str, tail: str, character: str) -> str:
    """A regular expression of two mentions in either order, and of what stands around them: no part of their words."""
    some = f"{character}*"  # without a bound, which would make each token of a response take far longer
    before, between, behind = f"({some}{_BEFORE})?", f"{_BEHIND}({some}{_BEFORE})?", f"({_BEHIND}{some})?"
    return rf"{before}({head}{between}{tail}|{tail}{between}{head}){behind}"


def tagged_with(each: EntityTuple, text: str, **others: Any) -> dict[str, Any]:
    """What a candidate holds of a sentence with tags about a tuple, and what is wrong with its mentions."""
    fields = {"head_type": each.head_type, "tail_type": each.tail_type, "tuple": each.id, **others}
    return {"text": text, "fields": fields, "problem": _other_mention(each, text)}


def _other_mention(each: EntityTuple, text: str) -> str | None:
    """Whether a mention is not the name that was asked for; what else may be wrong with tags, rules say."""
    try:
        sentence = untag(text)
    except ValueError:
        return None
    for role, wanted in (("head", each.head), ("tail", each.tail)):
        if (found := getattr(sentence, role).text_of(sentence.text)) != wanted:
            return f"the {role} is {found!r}, asked for was {wanted!r}"
    return None


class _Sample(BaseModel):
    model_config = ConfigDict(extra="ignore")

    pair: int
    sentence: str
    reasoning: str | None = None


class _Response(BaseModel):
    model_config = ConfigDict(extra="ignore")

    relation: str | None = None
    samples: list[Any]


@dataclass(frozen=True, slots=True)
class TuplesPrompt(SamplesParser):
    """A request for a sentence about each of some tuples of one relation."""

    response_type = _Response

    @property
    def _relation(self) -> Relation:
        relation: Relation = self.ask.schema.by_label[self.ask.label]
        return relation

    def messages(self, demonstrations: Sequence[str]) -> tuple[Message, ...]:
        """The conversation that shows `demonstrations`, sentences with tags, in the order given."""
        ask = self.ask
        asked = rendered(
            "per_tuple",
            relation=self._relation,
            others=[each for each in ask.schema.relations if not each.negative],
            demonstrations=demonstrations,
            tuples=ask.tuples,
            drafts=any(each.drafts for each in ask.tuples),
            contexts=any(each.head_context or each.tail_context for each in ask.tuples),
            shortest=ask.rules.min_words,
            longest=ask.rules.max_words,
            diversity=ask.diversity_instruction,
            reasoning=ask.reasoning,
        )
        return (Message(role="user", content=asked),)

    def response_schema(self) -> dict[str, Any]:
        """The JSON schema that a response must fit: mentions and tags are right by construction."""
        samples = [self._sample(number, each) for number, each in enumerate(self.ask.tuples, start=1)]
        count = {"minItems": len(samples), "maxItems": len(samples)}
        return json_schema(
            relation={"enum": [self._relation.name]},
            samples={"type": "array", "prefixItems": samples, "items": False, **count},
        )

    def _sample(self, number: int, each: EntityTuple) -> dict[str, Any]:
        reasoning = {"reasoning": {"type": "string"}} if self.ask.reasoning else {}
        sentence = {"type": "string", "pattern": _sentence(each)}
        return json_schema(pair={"enum": [number]}, **reasoning, sentence=sentence)

    def render_target(self, example: Any) -> str:
        """The response that an LLM would give if it wrote this one sentence."""
        from relseed.tasks.relation import TASK

        sample = {"pair": 1, "sentence": TASK.show(example)}
        return json.dumps({"relation": self._relation.name, "samples": [sample]}, ensure_ascii=False)

    def _read(self, id: str, number: int, sample: Any, response: _Response) -> list[Candidate]:
        try:
            found = _Sample.model_validate(sample)
            each = self._tuple(found.pair)
        except (ValidationError, ValueError) as error:
            shown = json.dumps(sample, ensure_ascii=False)
            return [self._candidate(id, number, shown, problem=describe_error(error))]
        said = {"relation": response.relation, "kind": self.ask.kind, "reasoning": found.reasoning}
        others = {name: value for name, value in said.items() if value}
        return [self._candidate(id, number, **tagged_with(each, found.sentence, **others))]

    def _tuple(self, pair: int) -> EntityTuple:
        if not 1 <= pair <= len(self.ask.tuples):
            raise ValueError(f"there is no pair {pair}, there are {len(self.ask.tuples)}")
        each: EntityTuple = self.ask.tuples[pair - 1]
        return each


def _sentence(each: EntityTuple) -> str:
    """The pattern of a sentence with both mentions in tags; a straight double quote would have to be escaped in it."""
    head, tail = (literal(name.replace('"', "'")) for name in (each.head, each.tail))
    return f"^{around(f'<e1>{head}</e1>', f'<e2>{tail}</e2>', ANY)}[.!?]?[’”]?$"


class _Templates(BaseModel):
    model_config = ConfigDict(extra="ignore")

    relation: str | None = None
    templates: list[str]


@dataclass(frozen=True, slots=True)
class TemplatePrompt:
    """A request for sentences of a relation with slots, which the tuples then fill in turn."""

    ask: Ask

    def messages(self, demonstrations: Sequence[str]) -> tuple[Message, ...]:
        """The conversation that shows `demonstrations`, sentences with tags, in the order given."""
        ask = self.ask
        asked = rendered(
            "template",
            relation=ask.schema.by_label[ask.label],
            demonstrations=demonstrations,
            count=ask.count,
            shortest=ask.rules.min_words,
            longest=ask.rules.max_words,
            diversity=ask.diversity_instruction,
        )
        return (Message(role="user", content=asked),)

    def response_schema(self) -> dict[str, Any]:
        """The JSON schema that a response must fit: a template has each slot once."""
        plain, (head, tail) = r'[^<>{}"\\\x00-\x1f]', (r"\{head\}", r"\{tail\}")
        pattern = rf"^{plain}*({head}{plain}+{tail}|{tail}{plain}+{head}){plain}*$"
        templates = {"type": "string", "pattern": pattern}
        count = {"minItems": self.ask.count, "maxItems": self.ask.count}
        return json_schema(
            relation={"enum": [self.ask.schema.by_label[self.ask.label].name]},
            templates={"type": "array", "items": templates, **count},
        )

    def render_target(self, example: Any) -> str:
        """The response that an LLM would give if it wrote this one template, of which `example` is an instance."""
        from relseed.tasks.relation.tags import replace_mentions

        relation = self.ask.schema.by_label[self.ask.label].name
        template = replace_mentions(example, "{head}", "{tail}")
        return json.dumps({"relation": relation, "templates": [template]}, ensure_ascii=False)

    def parse(self, id: str, text: str, *, truncated: bool) -> list[Candidate]:
        """A sentence about each tuple, from the usable templates in turn; then those that are not usable."""
        try:
            values, rest = list_object(text, "templates", truncated=truncated)
            found = _Templates.model_validate(values).templates
        except (ValueError, RecursionError) as error:
            return [self._candidate(id, 0, text=text, problem=describe_error(error))]
        problems = {template: _wrong_with(template) for template in found}
        usable = [template for template, problem in problems.items() if problem is None]
        held: list[Mapping[str, Any]] = [
            tagged_with(each, _filled(usable[at % len(usable)], each), template=usable[at % len(usable)])
            for at, each in enumerate(self.ask.tuples if usable else ())
        ]
        held += [{"text": template, "problem": problem} for template, problem in problems.items() if problem]
        if rest is not None:
            held.append({"text": rest, "truncated": True, "problem": CUT_OFF})
        return [self._candidate(id, number, **each) for number, each in enumerate(held)]

    def _candidate(self, id: str, number: int, **others: Any) -> Candidate:
        return Candidate(id=candidate_id(id, number), method=self.ask.method, label=self.ask.label, **others)


def _wrong_with(template: str) -> str | None:
    """Why a template cannot be filled; None where it can."""
    slots = sorted(_SLOT.findall(template))
    if slots != ["head", "tail"]:
        return f"the template has the slots {', '.join(slots) or 'none'}, not head and tail once each"
    if re.search(r"[{}<>]", _SLOT.sub("", template)):
        return "the template holds brackets beside its slots"
    return None


def _filled(template: str, each: EntityTuple) -> str:
    tags = {"head": f"<e1>{each.head}</e1>", "tail": f"<e2>{each.tail}</e2>"}
    return _SLOT.sub(lambda slot: tags[slot[1]], template)
