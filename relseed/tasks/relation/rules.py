"""What a written sentence must pass to become a training example: named checks, the first that fails counts."""

import re
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field, PositiveInt, model_validator

from relseed.pipeline.params import Section
from relseed.quality.duplicates import Index
from relseed.quality.language import inside_word, language_of, length, scripts
from relseed.tasks.relation import Example, Relation, Schema
from relseed.tasks.relation.tags import TAG, untag
from relseed.tasks.relation.written import Accepted, Draft, Rejected

_FOREIGN = 0.1  # share of letters in scripts that no seed uses


class Checks(Section):
    """Where the checks draw the line."""

    shortest: PositiveInt  # words of a sentence
    longest: PositiveInt
    near_duplicate: float = Field(gt=0, le=1)  # Jaccard similarity of word trigrams
    language: str | None  # ISO 639-1 code; None: any

    @model_validator(mode="after")
    def _some_length_passes(self) -> "Checks":
        if self.shortest > self.longest:
            raise ValueError(f"shortest ({self.shortest}) is above longest ({self.longest}): nothing would pass")
        return self


@dataclass
class Judge:
    """The checks of one pool: what it accepted is what later drafts must differ from."""

    schema: Schema
    checks: Checks
    seeds: Sequence[Example]
    _pool: list[str] = field(default_factory=list)  # ids of accepted

    def __post_init__(self) -> None:
        self._duplicates, self._copies = Index(self.checks.near_duplicate), Index(self.checks.near_duplicate)
        for seed in self.seeds:
            self._copies.add(seed.text)
        self._scripts = {script for seed in self.seeds for script in scripts(seed.text)}
        self.types = known_types(self.schema, self.seeds)

    def anew(self) -> "Judge":
        """The same checks with an empty pool; what was made of the seeds is shared."""
        other = copy(self)
        other._pool, other._duplicates = [], Index(self.checks.near_duplicate)
        return other

    def judge(self, draft: Draft) -> Accepted | Rejected:
        """Accept a draft, or name the first check that it fails.

        Never raises, whatever a draft of one of the schema's relations holds.
        """
        relation = self.schema.by_label[draft.relation]
        for name, check in _ON_DRAFTS.items():
            if reason := check(draft, relation):
                return Rejected(draft=draft, check=name, reason=reason)
        example = _example(draft, typed=bool(self.types))
        for name, finds in _ON_EXAMPLES.items():
            if reason := finds(self, example, relation):
                return Rejected(draft=draft, check=name, reason=reason)
        self._pool.append(draft.id)
        self._duplicates.add(example.text)
        return example

    def _type(self, example: Accepted, relation: Relation) -> str | None:
        for role, mention in (("head", example.head), ("tail", example.tail)):
            if self.types and mention.type not in self.types:
                return f"the {role} has the type {mention.type}, known are {', '.join(sorted(self.types))}"
        if not relation.allows(example):
            wanted = f"{relation.head_type or 'any'} -> {relation.tail_type or 'any'}"
            return f"{relation.relation} asks for {wanted}, the mentions are {example.head.type} -> {example.tail.type}"
        return None

    def _length(self, example: Accepted, _: Relation) -> str | None:
        words, (shortest, longest) = length(example.text), (self.checks.shortest, self.checks.longest)
        return None if shortest <= words <= longest else f"{words} words, not {shortest} to {longest}"

    def _copy(self, example: Accepted, *, same: bool) -> str | None:
        match = self._copies.nearest(example.text)
        if match is None or match.same is not same:
            return None
        return f"like the seed {self.seeds[match.index].id} (similarity {match.similarity:.2f})"

    def _repeats(self, example: Accepted, *, same: bool) -> str | None:
        match = self._duplicates.nearest(example.text)
        if match is None or match.same is not same:
            return None
        return f"like {self._pool[match.index]} (similarity {match.similarity:.2f})"

    def _script(self, example: Accepted, _: Relation) -> str | None:
        found = scripts(example.text)
        foreign = [script for script in found if script not in self._scripts]
        return f"written in {foreign[0]}" if len(foreign) > _FOREIGN * len(found) else None

    def _language(self, example: Accepted, _: Relation) -> str | None:
        found = language_of(example.text) if self.checks.language else None
        return None if found in (None, self.checks.language) else f"in the language {found}, not {self.checks.language}"


def known_types(schema: Schema, seeds: Sequence[Example]) -> tuple[str, ...]:
    """The entity types that a mention may have: those that relations name, in their order, then others of seeds."""
    named = [type for one in schema.relations for type in (one.head_type, one.tail_type)]
    seen = sorted({mention.type for seed in seeds for mention in (seed.head, seed.tail) if mention.type})
    return tuple(dict.fromkeys(type for type in (*named, *seen) if type))


def _unparseable(draft: Draft, _: Relation) -> str | None:
    return draft.problem


def _truncated(draft: Draft, _: Relation) -> str | None:
    return draft.problem if draft.truncated else None


def _wrong_relation(draft: Draft, relation: Relation) -> str | None:
    if draft.said is None or draft.said.strip().casefold() in (relation.name.casefold(), relation.relation.casefold()):
        return None
    return f"the answer is about {draft.said!r}, asked for was {relation.name!r}"


def _mention_missing(draft: Draft, _: Relation) -> str | None:
    for tag in ("<e1>", "</e1>", "<e2>", "</e2>"):
        if (count := draft.text.count(tag)) != 1:
            return f"{tag} occurs {count} times, not once"
    return None


def _mention_empty(draft: Draft, _: Relation) -> str | None:
    for tag in ("e1", "e2"):
        inside = re.search(rf"<{tag}>(.*?)</{tag}>", draft.text, re.DOTALL)
        if inside and not TAG.sub("", inside[1]).strip():
            return f"nothing stands between <{tag}> and </{tag}>"
    return None


def _mentions_overlap(draft: Draft, _: Relation) -> str | None:
    found = TAG.findall(draft.text)
    if found in (["<e1>", "</e1>", "<e2>", "</e2>"], ["<e2>", "</e2>", "<e1>", "</e1>"]):
        return None
    return f"the tags stand as {' '.join(found)}"


def _mention_cut(draft: Draft, _: Relation) -> str | None:
    """Whether a mention begins or ends with a blank or inside a word."""
    try:
        sentence = untag(draft.text)
    except ValueError as error:
        return str(error)
    for role, mention in (("head", sentence.head), ("tail", sentence.tail)):
        for place in (mention.start, mention.end):
            if inside_word(sentence.text, place):
                return f"the {role} {mention.within(sentence.text)!r} begins or ends inside a word"
    return None


def _leak(example: Accepted, relation: Relation) -> str | None:
    """Whether the text names the label as a label; its plain words are what sentences are made of."""
    text, label = example.text.casefold(), relation.relation.casefold()
    if re.search(r"[_:/()]", label) and label in text:
        return f"the text holds the label {relation.relation!r}"
    if re.search(rf"\brelation(ship)?\b.{{0,12}}['\"‘’“”:]\s*{re.escape(relation.name.casefold())}(?!\w)", text):
        return f"the text speaks of the relation {relation.name!r}"
    return None


# In this order: each may rely on what those before it made sure of.
_ON_DRAFTS: dict[str, Callable[[Draft, Relation], str | None]] = {
    "truncated": _truncated,
    "unparseable": _unparseable,
    "wrong_relation": _wrong_relation,
    "mention_missing": _mention_missing,
    "mention_empty": _mention_empty,
    "mentions_overlap": _mentions_overlap,
    "mention_cut": _mention_cut,
}
_ON_EXAMPLES: dict[str, Callable[[Judge, Accepted, Relation], str | None]] = {
    "type_not_allowed": Judge._type,
    "length": Judge._length,
    "label_leaked": lambda _, example, relation: _leak(example, relation),
    "copy": lambda judge, example, _: judge._copy(example, same=True),
    "near_copy": lambda judge, example, _: judge._copy(example, same=False),
    "duplicate": lambda judge, example, _: judge._repeats(example, same=True),
    "near_duplicate": lambda judge, example, _: judge._repeats(example, same=False),
    "script": Judge._script,
    "language": Judge._language,
}
NAMES = (*_ON_DRAFTS, *_ON_EXAMPLES)


def _example(draft: Draft, *, typed: bool) -> Accepted:
    sentence = untag(draft.text)
    mentions: dict[str, Any] = {
        role: mention.model_dump(exclude_unset=True) | ({"type": type} if typed and type else {})
        for role, mention, type in (
            ("head", sentence.head, draft.head_type),
            ("tail", sentence.tail, draft.tail_type),
        )
    }
    return Accepted.model_validate(
        {"id": draft.id, "text": sentence.text, **mentions, "relation": draft.relation, "method": draft.method}
    )
