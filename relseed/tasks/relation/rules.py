"""What a written sentence must pass to become a training example: rules of tags, mentions, types and labels."""

import re
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from relseed.quality.rules import COPIES, FORM, LANGUAGE, Rules, truncated, unparseable
from relseed.records.candidates import Candidate
from relseed.tasks.relation import TASK, Example, Relation, Schema
from relseed.tasks.relation.doubts import Seam, cut_mention, usual_seams
from relseed.tasks.relation.prompt import known_types
from relseed.tasks.relation.tags import TAG, untag


def rules_of(schema: Schema, seeds: Sequence[Example]) -> Rules:
    """The rules for candidates of a schema's relations; entity types are known from it and from `seeds`."""
    types, seams = known_types(schema, seeds), usual_seams(seeds)
    return Rules(
        on_candidates={
            "truncated": truncated,
            "unparseable": unparseable,
            "wrong_relation": lambda candidate: _wrong_relation(candidate, schema.by_label[candidate.label]),
            "mention_missing": _mention_missing,
            "mention_empty": _mention_empty,
            "mentions_overlap": _mentions_overlap,
            "mention_cut": partial(_mention_cut, usual=seams),
        },
        example=partial(_example, typed=bool(types)),
        on_examples={
            "type_not_allowed": lambda _, example: _type_not_allowed(example, schema, types),
            **FORM,
            "label_leaked": lambda _, example: _label_leaked(example, schema.by_label[example.relation]),
            **COPIES,
            **LANGUAGE,
        },
        text=TASK.text,
        item=TASK.item,
        masked=TASK.masked,
    )


def _wrong_relation(candidate: Candidate, relation: Relation) -> str | None:
    stated = candidate.fields.get("relation")
    if stated is None or stated.strip().casefold() in (relation.name.casefold(), relation.relation.casefold()):
        return None
    return f"the response is about {stated!r}, asked for was {relation.name!r}"


def _mention_missing(candidate: Candidate) -> str | None:
    for tag in ("<e1>", "</e1>", "<e2>", "</e2>"):
        if (count := candidate.text.count(tag)) != 1:
            return f"{tag} occurs {count} times, not once"
    return None


def _mention_empty(candidate: Candidate) -> str | None:
    for tag in ("e1", "e2"):
        inside = re.search(rf"<{tag}>(.*?)</{tag}>", candidate.text, re.DOTALL)
        if inside and not TAG.sub("", inside[1]).strip():
            return f"nothing stands between <{tag}> and </{tag}>"
    return None


def _mentions_overlap(candidate: Candidate) -> str | None:
    found = TAG.findall(candidate.text)
    if found in (["<e1>", "</e1>", "<e2>", "</e2>"], ["<e2>", "</e2>", "<e1>", "</e1>"]):
        return None
    return f"the tags stand as {' '.join(found)}"


def _mention_cut(candidate: Candidate, usual: Collection[Seam]) -> str | None:
    """Whether a mention begins or ends with a blank, or inside a word in another way than is usual in seeds."""
    try:
        sentence = untag(candidate.text)
    except ValueError as error:
        return str(error)
    return cut_mention(sentence, usual)


def _example(candidate: Candidate, *, typed: bool) -> Example:
    sentence = untag(candidate.text)
    mentions: dict[str, Any] = {}
    for role in ("head", "tail"):
        mention, type = getattr(sentence, role), candidate.fields.get(f"{role}_type")
        mentions[role] = mention.model_dump(exclude_unset=True) | ({"type": type} if typed and type else {})
    others = {"relation": candidate.label, "method": candidate.method}
    others |= {name: candidate.fields[name] for name in ("kind", "near", "tuple") if name in candidate.fields}
    return Example.model_validate({"id": candidate.id, "text": sentence.text, **mentions, **others})


def _type_not_allowed(example: Example, schema: Schema, types: Sequence[str]) -> str | None:
    for role, mention in (("head", example.head), ("tail", example.tail)):
        if types and mention.type not in types:
            return f"the {role} has the type {mention.type}, known are {', '.join(sorted(types))}"
    relation = schema.by_label[example.relation]
    if relation.allows(example):
        return None
    wanted = f"{relation.head_type or 'any'} -> {relation.tail_type or 'any'}"
    return f"{relation.relation} asks for {wanted}, the mentions are {example.head.type} -> {example.tail.type}"


def _label_leaked(example: Example, relation: Relation) -> str | None:
    """Whether the text names the label as a label; its plain words are what sentences are made of."""
    text, label = example.text.casefold(), relation.relation.casefold()
    if re.search(r"[_:/()]", label) and label in text:
        return f"the text holds the label {relation.relation!r}"
    if re.search(rf"\brelation(ship)?\b.{{0,12}}['\"‘’“”:]\s*{re.escape(relation.name.casefold())}(?!\w)", text):
        return f"the text speaks of the relation {relation.name!r}"
    return None
