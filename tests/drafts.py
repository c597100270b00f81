"""Boats and their owners: what is asked about them, drafts that answer, and what becomes of those."""

import re
from collections.abc import Sequence

from relseed.tasks.relation import Example, Schema
from relseed.tasks.relation.explanation import Explaining
from relseed.tasks.relation.rules import Checks, Judge, known_types
from relseed.tasks.relation.samples import Samples
from relseed.tasks.relation.tags import untag
from relseed.tasks.relation.written import Accepted, Draft, Rejected

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
CHECKS = Checks(shortest=4, longest=24, near_duplicate=0.5, language="en")
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


def draft(text: str = GOOD, **changes) -> Draft:
    fields = {"id": "all_at_once/owner_of/0/0", "method": "all_at_once", "relation": "owner_of"}
    types = {"head_type": "PERSON", "tail_type": "BOAT"}
    return Draft.model_validate({**fields, **types, "text": text, **changes})


def swap(old: str, new: str, text: str = GOOD) -> Draft:
    assert old in text
    return draft(text.replace(old, new))


def judged(*drafts: Draft, schema: Schema = SCHEMA, seeds: Sequence[Example] = SEEDS, **checks) -> Accepted | Rejected:
    """What becomes of the last draft, once those before it are judged."""
    judge = Judge(schema, CHECKS.model_copy(update=checks), seeds)
    return [judge.judge(one) for one in drafts][-1]


def verdict(result: Accepted | Rejected) -> str:
    return result.check if isinstance(result, Rejected) else "accepted"


def as_seed(text: str) -> Example:
    return SEEDS[0].model_copy(update={"id": "boats-3", "text": re.sub(r"</?e[12]>", "", text)})


SHOWN = [
    "Old <e1>Marit</e1> rows the <e2>Sula</e2>.",
    "The <e2>Petrel</e2> is <e1>Tove</e1>'s.",
    "<e1>Ada</e1> & her <e2>Isa</e2>",
]
KEPT = seed("boats-9", "Old <e1>Marit Ness</e1> still keeps the <e2>Petrel</e2> under a green tarp.")


def samples(label: str = "owner_of", schema: Schema = SCHEMA, **changes) -> Samples:
    """A request for samples of a relation."""
    manner = changes.get("method", "all_at_once")
    fields = {
        "method": manner,
        "manner": manner,
        "kind": "stated",
        "count": 3,
        "shortest": 4,
        "longest": 24,
        "diversity": False,
    }
    known = {"schema": schema, "relation": schema.by_label[label], "types": known_types(schema, [])}
    return Samples(**{**fields, **known, **changes})


def explaining(label: str = "owner_of", schema: Schema = SCHEMA) -> Explaining:
    """A request to explain the seed `KEPT`, as one of a relation."""
    fields = KEPT.model_dump() | {"relation": label}
    if schema is UNTYPED:
        fields |= {role: fields[role] | {"type": None} for role in ("head", "tail")}
    return Explaining(schema, Example.model_validate(fields))
