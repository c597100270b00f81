"""Samples as a small language model continues them: a relation, then one sample after another, and no instructions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from relseed.llm.request import Message
from relseed.tasks.relation import Example, Relation
from relseed.tasks.relation.templates import demonstration
from relseed.tasks.relation.written import Draft

# As a tokenizer of word pieces writes it: each tag, like each word, has a blank before it.
_ANY = r"[^<>\x00-\x1f]"
_E1, _E2 = (f" <{tag}>{_ANY}+ </{tag}>" for tag in ("e1", "e2"))
SENTENCE = rf"{_ANY}*({_E1}{_ANY}*{_E2}|{_E2}{_ANY}*{_E1}){_ANY}+"

BEGIN, STOP = "[CLS]", "[SEP]"  # of a document
END = "<end>"  # of the line that names the relation, and of each sample


@dataclass(frozen=True, slots=True)
class Continuation:
    """A request for the next samples of a relation."""

    method: str  # in the ids of drafts
    relation: Relation
    count: int  # of samples in an answer
    characters: int  # of the samples shown, at most

    def messages(self, demonstrations: Sequence[str]) -> tuple[Message, ...]:
        """The document that shows `demonstrations`, sentences with tags, in the order given.

        Where there is no room for all, the ones in the middle are left out: the first are seeds, and the last are
        what would be copied next.
        """
        return (Message(role="user", content=document(self.relation, self._fitting(demonstrations))),)

    def answer(self) -> dict[str, Any]:
        """The regular expression that an answer must fit: tags are right by construction."""
        return {"regex": rf"({SENTENCE} {END}){{{self.count}}}"}

    def completion(self, sentence: Example) -> str:
        """The answer that the model would give if it wrote this sentence."""
        return sample(demonstration(sentence))

    def parse(self, id: str, text: str, *, truncated: bool) -> list[Draft]:
        """Read an answer, whatever it is; `id` is the request's, those of the drafts add a number."""
        *ended, rest = text.split(END)
        drafts = [self._draft(f"{id}/{number}", one, cut=False) for number, one in enumerate(ended)]
        if rest.strip() or not ended:
            drafts.append(self._draft(f"{id}/{len(ended)}", rest, cut=truncated))
        return drafts

    def _draft(self, id: str, text: str, *, cut: bool) -> Draft:
        return Draft(
            id=id,
            method=self.method,
            relation=self.relation.relation,
            text=readable(text),
            head_type=self.relation.head_type,
            tail_type=self.relation.tail_type,
            problem="the answer was cut off" if cut else None,
            truncated=cut,
        )

    def _fitting(self, demonstrations: Sequence[str]) -> list[str]:
        left, first, last = self.characters, 0, len(demonstrations)
        while first < last:
            at = first if first <= len(demonstrations) - last else last - 1
            if (left := left - len(demonstrations[at])) < 0:
                break
            first, last = (first + 1, last) if at == first else (first, last - 1)
        return [*demonstrations[:first], *demonstrations[last:]]


def document(relation: Relation, samples: Sequence[str]) -> str:
    """A relation with its types and its definition, then samples of it, sentences with tags."""
    types = f"( {_words(relation.head_type)} , {_words(relation.tail_type)} )"
    header = f"{BEGIN} {relation.name} {types} : {relation.definition} {END}"
    return header + "".join(map(sample, samples))


def sample(tagged: str) -> str:
    """A sentence with tags as the model reads it."""
    return f" {tagged} {END}"


def readable(text: str) -> str:
    """A sentence as the model wrote it, its tags close to the words that they mark."""
    return re.sub(r"(<e[12]>)\s+|\s+(</e[12]>)", r"\1\2", text).strip()


def _words(entity_type: str | None) -> str:
    return (entity_type or "any").replace("_", " ").lower()
