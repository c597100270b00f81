"""Sentences as a small language model goes on with them: a relation, then one after another, and no instructions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from relseed.llm.request import Message
from relseed.pipeline.errors import UserError
from relseed.records.candidates import Candidate, candidate_id
from relseed.tasks.relation import TASK, Example, Relation
from relseed.tasks.task import Ask

# As a tokenizer of word pieces writes it: each tag, like each word, has a blank before it.
_ANY = r"[^<>\x00-\x1f]"
_E1, _E2 = (f" <{tag}>{_ANY}+ </{tag}>" for tag in ("e1", "e2"))
SENTENCE = rf"{_ANY}*({_E1}{_ANY}*{_E2}|{_E2}{_ANY}*{_E1}){_ANY}+"

BEGIN, STOP = "[CLS]", "[SEP]"  # of a document
END = "<end>"  # of the line that names the relation, and of each sentence


@dataclass(frozen=True, slots=True)
class Continuation:
    """A request for the next sentences of a relation."""

    method: str  # in the ids of candidates
    relation: Relation
    count: int  # of sentences in a response
    characters: int  # of the sentences shown, at most

    @classmethod
    def of(cls, ask: Ask) -> "Continuation":
        """The request that asks for this.

        Raises:
            UserError: Its loop asks for more than can be said without instructions.
        """
        if ask.near or ask.surface or ask.loop == "passages":
            raise UserError(
                f"the method {ask.method}: the loop {ask.loop} needs an LLM whose form is chat, not continuation"
            )
        assert ask.characters is not None, "an LLM whose form is `continuation` has `prompt_characters`"
        return cls(ask.method, ask.schema.by_label[ask.label], ask.count, ask.characters)

    def messages(self, demonstrations: Sequence[str]) -> tuple[Message, ...]:
        """The document that shows `demonstrations`, sentences with tags, in the order given."""
        shown = truncate_middle(demonstrations, self.characters)
        return (Message(role="user", content=document(self.relation, shown)),)

    def response_schema(self) -> dict[str, Any]:
        """The regular expression that a response must fit: tags are right by construction."""
        return {"regex": rf"({SENTENCE} {END}){{{self.count}}}"}

    def render_target(self, example: Example) -> str:
        """The response that the model would give if it wrote this sentence."""
        return line(TASK.show(example))

    def parse(self, id: str, text: str, *, truncated: bool) -> list[Candidate]:
        """Read a response, whatever it is; `id` is the request's, those of the candidates add a number."""
        *ended, rest = text.split(END)
        candidates = [self._candidate(candidate_id(id, number), line, cut=False) for number, line in enumerate(ended)]
        if rest.strip() or not ended:
            candidates.append(self._candidate(candidate_id(id, len(ended)), rest, cut=truncated))
        return candidates

    def _candidate(self, id: str, text: str, *, cut: bool) -> Candidate:
        return Candidate(
            id=id,
            method=self.method,
            label=self.relation.relation,
            text=detokenize(text),
            fields={"head_type": self.relation.head_type, "tail_type": self.relation.tail_type},
            problem="the response was cut off" if cut else None,
            truncated=cut,
        )


def truncate_middle(demonstrations: Sequence[str], characters: int) -> list[str]:
    """As many demonstrations as have room: the first are seeds, and the last are what would be copied next.

    Where there is no room for all, those in the middle are left out.
    """
    left, first, last = characters, 0, len(demonstrations)
    while first < last:
        at = first if first <= len(demonstrations) - last else last - 1
        if (left := left - len(demonstrations[at])) < 0:
            break
        first, last = (first + 1, last) if at == first else (first, last - 1)
    return [*demonstrations[:first], *demonstrations[last:]]


def document(relation: Relation, sentences: Sequence[str]) -> str:
    """A relation with its types and its definition, then sentences of it, with tags."""
    types = f"( {_words(relation.head_type)} , {_words(relation.tail_type)} )"
    header = f"{BEGIN} {relation.name} {types} : {relation.definition} {END}"
    return header + "".join(map(line, sentences))


def line(tagged: str) -> str:
    """A sentence with tags as the model reads it."""
    return f" {tagged} {END}"


def detokenize(text: str) -> str:
    """A sentence as the model wrote it, its tags close to the words that they mark."""
    return re.sub(r"(<e[12]>)\s+|\s+(</e[12]>)", r"\1\2", text).strip()


def _words(entity_type: str | None) -> str:
    return (entity_type or "any").replace("_", " ").lower()
