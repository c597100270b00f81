"""A sentence about one entity tuple by a model that follows no instructions on form: its response is the sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from relseed.llm.request import Message
from relseed.records.candidates import Candidate, candidate_id
from relseed.tasks.relation import Relation
from relseed.tasks.relation.entity_tuple import EntityTuple
from relseed.tasks.relation.tags import TAG, untag
from relseed.tasks.relation.tuple_prompts import around, literal, tagged_with
from relseed.tasks.task import Ask

_CHARACTER = r"[^<>\[\]{}.!?\x00-\x1f]"  # of one sentence: a small model goes on until something ends it


# What small models go by: two sentences, each in other words.
_REWORDED = (
    (
        "The bridge over the Lune was designed by Ada Holm, who never saw it finished.",
        "Ada Holm drew the plans of the bridge over the Lune, but did not live to see it done.",
        "the Lune",
        "Ada Holm",
    ),
    (
        "At the fair in Brill the first prize went to a cheese from Upper Wick.",
        "A cheese that came from Upper Wick won the first prize at the fair in Brill.",
        "Brill",
        "Upper Wick",
    ),
)


def _reword(text: str, head: str, tail: str) -> str:
    return f"Say this in other words, in one sentence. Keep the names {head} and {tail}.\n\n{text}"


@dataclass(frozen=True, slots=True)
class PlainPrompt:
    """A request for one sentence about a tuple, or for another wording of its draft."""

    method: str
    relation: Relation
    about: EntityTuple
    paraphrase: bool  # the draft of the tuple is to be said in other words
    chat: bool  # the model takes instructions

    @classmethod
    def of(cls, ask: Ask, form: str) -> "PlainPrompt":
        """The request that asks for this: of one tuple, as a response holds one sentence."""
        [each] = ask.tuples
        return cls(ask.method, ask.schema.by_label[ask.label], each, ask.loop == "paraphrase", form == "chat")

    def messages(self, demonstrations: Sequence[str]) -> tuple[Message, ...]:
        """The text that is turned into a sentence, after `demonstrations`, sentences with tags, in the order given."""
        if self.paraphrase:
            return self._rewording()
        shown = [self._line(_names(each), TAG.sub("", each)) for each in demonstrations]
        asked = self._line((self.about.head, self.about.tail), "").rstrip()
        return (Message(role="user", content="\n\n".join([*shown, asked])),)

    def _rewording(self) -> tuple[Message, ...]:
        text = TAG.sub("", self.about.drafts[0])
        if not self.chat:
            return (Message(role="user", content=f"paraphrase: {text}"),)
        worked = [
            message
            for before, after, head, tail in _REWORDED
            for message in (
                Message(role="user", content=_reword(before, head, tail)),
                Message(role="assistant", content=after),
            )
        ]
        return (*worked, Message(role="user", content=_reword(text, self.about.head, self.about.tail)))

    def _line(self, names: Sequence[str], sentence: str) -> str:
        """A tuple and its sentence: what a model is fine-tuned on, too."""
        return f"{linearised(self.relation, *names)}\nsentence: {sentence}"

    def response_schema(self) -> dict[str, Any]:
        """The regular expression that a response must fit: one sentence that holds both names."""
        names = literal(self.about.head), literal(self.about.tail)
        return {"regex": f"{around(*names, _CHARACTER)}[.!?]"}

    def render_target(self, example: Any) -> str:
        """The response that the model would give if it wrote this sentence."""
        return str(example.text)

    def parse(self, id: str, text: str, *, truncated: bool) -> list[Candidate]:
        """A response, whatever it is, as a candidate: the first place of each name is its mention."""
        held = tagged_with(self.about, _with_tags(self.about, " ".join(text.split())))
        if truncated:
            held["problem"] = "the response was cut off"
        label = self.relation.relation
        return [Candidate(id=candidate_id(id, 0), method=self.method, label=label, truncated=truncated, **held)]


def linearised(relation: Relation, head: str, tail: str) -> str:
    """A tuple as a line of text: what an encoder-decoder model reads."""
    types = f"({relation.head_type or 'any'}, {relation.tail_type or 'any'})".lower()
    return f"relation: {relation.name} {types} | head: {head} | tail: {tail}"


def _names(tagged: str) -> tuple[str, str]:
    sentence = untag(tagged)
    return sentence.head.text_of(sentence.text), sentence.tail.text_of(sentence.text)


def _with_tags(each: EntityTuple, text: str) -> str:
    """The sentence with the first place of each name in tags; as it is where a name is missing or lies in the other."""
    plain = TAG.sub("", text)
    first, second = sorted(((each.head, "e1"), (each.tail, "e2")), key=lambda pair: -len(pair[0]))
    at = plain.find(first[0])
    if at < 0:
        return plain
    spans = [(at, at + len(first[0]), first[1])]
    other = _outside(plain, second[0], spans[0][0], spans[0][1])
    if other is None:
        return plain
    spans.append((other, other + len(second[0]), second[1]))
    for start, end, tag in sorted(spans, reverse=True):
        plain = f"{plain[:start]}<{tag}>{plain[start:end]}</{tag}>{plain[end:]}"
    return plain


def _outside(text: str, name: str, start: int, end: int) -> int | None:
    """Where a name stands first outside of a span."""
    before = text.find(name, 0, start)
    if before >= 0:
        return before
    behind = text.find(name, end)
    return behind if behind >= 0 else None
