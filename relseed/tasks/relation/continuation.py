"""Sentences as a small language model goes on with them: a relation, then a list of its sentences, no instructions.

    founded by (organization, person): the organization (head) was founded or co-founded by the person (tail)
    - [Ines Falk] and her brother opened {Sula Boats} in a shed.

Mentions stand in brackets, a token each: the tags of other prompts take four, a third of what a model would write.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from relseed.llm.request import Message
from relseed.pipeline.errors import UserError
from relseed.records.candidates import Candidate, candidate_id
from relseed.tasks.relation import TASK, Example, Relation
from relseed.tasks.relation.tags import TAG
from relseed.tasks.task import Ask

_ITEM = "- "
_DIFFERENT = "These sentences are as different from each other as possible:\n"
_BRACKETS = {"<e1>": "[", "</e1>": "]", "<e2>": "{", "</e2>": "}"}
_TAGS = str.maketrans({bracket: tag for tag, bracket in _BRACKETS.items()})
_OTHER_BRACKETS = str.maketrans("[]{}", "()()")  # of the sentence itself
_PLAIN = r"[^<>\[\]{}\x00-\x1f]"
_EDGE = r"[^<>\[\]{}\x00-\x20]"  # of a mention, which neither begins nor ends with a blank
_MENTION = rf"{_EDGE}(?:{_PLAIN}{{0,60}}{_EDGE})?"
_HEAD, _TAIL = rf"\[{_MENTION}\]", rf"\{{{_MENTION}\}}"
SENTENCE = rf"{_PLAIN}*({_HEAD}{_PLAIN}+{_TAIL}|{_TAIL}{_PLAIN}+{_HEAD}){_PLAIN}+"


@dataclass(frozen=True, slots=True)
class Continuation:
    """A request for the next sentences of a relation."""

    method: str  # in the ids of candidates
    relation: Relation
    count: int  # of sentences in a response
    characters: int  # of the sentences shown, at most
    different: bool = False  # whether the document says that its sentences differ

    @classmethod
    def of(cls, ask: Ask) -> "Continuation":
        """The request that asks for this.

        Raises:
            UserError: Its loop asks for more than can be said without instructions.
        """
        if ask.near or ask.surface or ask.options or ask.loop == "passages":
            raise UserError(
                f"the method {ask.method}: the loop {ask.loop} needs an LLM whose form is chat, not continuation"
            )
        assert ask.characters is not None, "an LLM whose form is `continuation` has `prompt_characters`"
        relation = ask.schema.by_label[ask.label]
        return cls(ask.method, relation, ask.count, ask.characters, ask.diversity_instruction)

    def messages(self, demonstrations: Sequence[str]) -> tuple[Message, ...]:
        """The document that shows `demonstrations`, sentences with tags, in the order given."""
        shown = truncate_middle(demonstrations, self.characters)
        return (Message(role="user", content=document(self.relation, shown, different=self.different)),)

    def response_schema(self) -> dict[str, Any]:
        """The regular expression that a response must fit: both mentions are marked by construction."""
        return {"regex": rf"({_ITEM}{SENTENCE}\n){{{self.count}}}"}

    def render_target(self, example: Example) -> str:
        """The response that the model would give if it wrote this sentence."""
        return line(TASK.show(example))

    def parse(self, id: str, text: str, *, truncated: bool) -> list[Candidate]:
        """Read a response, whatever it is; `id` is the request's, those of the candidates add a number."""
        *ended, rest = text.split("\n")
        candidates = [self._candidate(candidate_id(id, number), item, cut=False) for number, item in enumerate(ended)]
        if rest.strip() or not ended:
            candidates.append(self._candidate(candidate_id(id, len(ended)), rest, cut=truncated))
        return candidates

    def _candidate(self, id: str, text: str, *, cut: bool) -> Candidate:
        return Candidate(
            id=id,
            method=self.method,
            label=self.relation.relation,
            text=in_tags(text),
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


def document(relation: Relation, sentences: Sequence[str], *, different: bool = False) -> str:
    """A relation with its types and its definition, then sentences of it, with tags."""
    types = f"({_words(relation.head_type)}, {_words(relation.tail_type)})"
    header = " ".join(f"{relation.name} {types}: {relation.definition}".split())
    return f"{header}\n{_DIFFERENT if different else ''}" + "".join(map(line, sentences))


def shown_in(text: str) -> list[str]:
    """The sentences of a document, with tags."""
    return [in_tags(item) for item in text.splitlines() if item.startswith(_ITEM)]


def line(tagged: str) -> str:
    """A sentence with tags as the model reads it: its mentions in brackets, and brackets of its own in round ones."""
    plain = " ".join(tagged.translate(_OTHER_BRACKETS).split())
    return f"{_ITEM}{TAG.sub(lambda tag: _BRACKETS[tag.group()], plain)}\n"


def in_tags(text: str) -> str:
    """A sentence as the model wrote it, with tags again."""
    return text.strip().removeprefix(_ITEM.strip()).translate(_TAGS).strip()


def _words(entity_type: str | None) -> str:
    return (entity_type or "any").replace("_", " ").lower()
