"""Boats and their owners: what is asked about them, candidates that answer, and what becomes of those."""

import re
from collections.abc import Sequence
from typing import Any

from relseed.explanations.prompt import ExplanationPrompt
from relseed.quality.rules import RuleFilter, RuleSettings
from relseed.records.candidates import Candidate, Rejected
from relseed.tasks.relation import Example, Schema
from relseed.tasks.relation.prompt import SentencePrompt
from relseed.tasks.relation.rules import rules_of
from relseed.tasks.relation.tags import untag
from relseed.tasks.task import Ask

SCHEMA = Schema.model_validate(
    {
        "relations": [
            {
                "relation": "owner_of",
                "head_type": "PERSON",
                "tail_type": "BOAT",
                "definition": "the head owns the tail",
            },
            {"relation": "boat:built_in", "head_type": "BOAT", "definition": "the head was built in the tail"},
            {"relation": "no_relation", "definition": "nothing is said", "negative": True},
        ]
    }
)
UNTYPED = Schema.model_validate(
    {
        "relations": [
            {"relation": "Cause-Effect(e1,e2)", "definition": "the head causes the tail"},
            {"relation": "Other", "definition": "nothing is said", "negative": True},
        ]
    }
)
RULES = RuleSettings(min_words=4, max_words=24, near_duplicate=0.5, near_duplicate_masked=0.85, language="en")
GOOD = "Old <e1>Ines Falk</e1> sold her house in town to buy the <e2>Sula</e2> at last."
OTHER = "Last spring the bank gave the <e2>Sula</e2> back to <e1>Ines Falk</e1> without a word."
FRENCH = "La vieille <e1>Ines</e1> a vendu sa maison pour acheter la <e2>Sula</e2>."
RUSSIAN = "Старая <e1>Инес Фальк</e1> продала дом и купила <e2>Сулу</e2>."


def seed(name: str, text: str) -> Example:
    fields = untag(text).model_dump(exclude_unset=True)
    return Example.model_validate(
        {
            "id": name,
            **fields,
            "head": fields["head"] | {"type": "PERSON"},
            "tail": fields["tail"] | {"type": "BOAT"},
            "relation": "owner_of",
        }
    )


MARIT = "The harbour master says that <e1>Marit Ness</e1> still keeps the <e2>Petrel</e2> under a tarp."
TOVE = "Nobody but <e1>Tove</e1> has ever held the papers of the <e2>Grey Heron</e2>."
SEEDS = [seed("boats-1", MARIT), seed("boats-2", TOVE)]


def candidate(text: str = GOOD, **changes: Any) -> Candidate:
    """A candidate for owner_of; `fields` are put beside the types of its mentions."""
    types = {"head_type": "PERSON", "tail_type": "BOAT"}
    named = {"id": "all_at_once/owner_of/0/0", "method": "all_at_once", "label": "owner_of", "text": text}
    return Candidate.model_validate({**named, **changes, "fields": types | changes.get("fields", {})})


def swap(old: str, new: str, text: str = GOOD) -> Candidate:
    assert old in text
    return candidate(text.replace(old, new))


def outcome(
    *candidates: Candidate, schema: Schema = SCHEMA, seeds: Sequence[Example] = SEEDS, **settings: Any
) -> Example | Rejected:
    """What becomes of the last candidate, once the rules were applied to those before it."""
    rules = RuleFilter(rules_of(schema, seeds), RULES.model_copy(update=settings), seeds)
    return [rules.apply(one) for one in candidates][-1]


def verdict(result: Example | Rejected) -> str:
    return result.rule if isinstance(result, Rejected) else "accepted"


def as_seed(text: str) -> Example:
    return SEEDS[0].model_copy(update={"id": "boats-3", "text": re.sub(r"</?e[12]>", "", text)})


SHOWN = [
    "Old <e1>Marit</e1> rows the <e2>Sula</e2>.",
    "The <e2>Petrel</e2> is <e1>Tove</e1>'s.",
    "<e1>Ada</e1> & her <e2>Isa</e2>",
]
KEPT = seed("boats-9", "Old <e1>Marit Ness</e1> still keeps the <e2>Petrel</e2> under a green tarp.")


def ask(label: str = "owner_of", schema: Schema = SCHEMA, **changes: Any) -> Ask:
    """All that decides a request for three sentences of a relation but the sentences that it shows."""
    negative = schema.by_label[label].negative
    fields = {
        "method": "all_at_once",
        "loop": "all_at_once",
        "kind": "co_occurrence" if negative else None,
        "count": 3,
        "rules": RULES,
        "seeds": [],
        "diversity_instruction": False,
        "characters": None,
    }
    return Ask(schema=schema, label=label, **fields | changes)


def prompt(label: str = "owner_of", schema: Schema = SCHEMA, **changes: Any) -> SentencePrompt:
    """A request for sentences of a relation."""
    return SentencePrompt.of(ask(label, schema, **changes))


def explanation_prompt(label: str = "owner_of", schema: Schema = SCHEMA) -> ExplanationPrompt:
    """A request to explain the seed `KEPT`, as one of a relation."""
    fields = KEPT.model_dump() | {"relation": label}
    if schema is UNTYPED:
        fields |= {role: fields[role] | {"type": None} for role in ("head", "tail")}
    return ExplanationPrompt(schema, Example.model_validate(fields))
