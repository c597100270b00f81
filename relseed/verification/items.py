"""What a sheet asks about: written sentences, and real ones among them whose answers are known (controls)."""

import random
from collections.abc import Sequence
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

from relseed.labelling.items import shares_of
from relseed.pipeline.errors import UserError
from relseed.tasks.relation import Example, Relation, Schema

Choice = Literal["stated", "plausible", "wrong", "unreadable"]
ItemKind = Literal["written", "gold", "reversed", "wrong_relation", "co_occurrence"]
ANSWERS: Sequence[Choice] = get_args(Choice)
KINDS: Sequence[ItemKind] = get_args(ItemKind)
CONTROLS = KINDS[1:]


class Item(BaseModel):
    """A line of a sheet's key: what is asked about, which the sheet does not say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    kind: ItemKind
    relation: str  # that is asked about
    method: str | None  # that wrote it; None for a control
    source: str  # id of the example
    example: Example  # as the sheet shows it

    @property
    def is_stated(self) -> bool | None:
        """Whether a control states its relation; None where nobody knows yet."""
        return None if self.kind == "written" else self.kind == "gold"


Line = tuple[ItemKind, Example, str]  # kind, example as it is shown, id of the one that it was made of


def draw_items(
    written: Sequence[Example], real: Sequence[Example], schema: Schema, *, size: int, controls: float, seed: int
) -> list[Item]:
    """`size` written sentences, every method and relation in its share, and controls among them, in random order.

    Controls are a share of `controls` of all lines, as many of each kind as there are: real sentences as they are,
    with head and tail exchanged where the types allow it and the relation is not symmetric, with another relation of
    the same types, and mere co-occurrences under a relation that their types allow.

    Raises:
        UserError: There is nothing to verify, or no control.
    """
    rng = random.Random(seed)
    positive = [example for example in written if example.method and example.relation != schema.negative]
    if not positive:
        raise UserError("nothing to verify: there is no written example of a relation")
    wanted = max(1, round(min(size, len(positive)) * controls / (1 - controls)))
    made = _controls(real, schema, wanted, rng)
    if not made:
        raise UserError("no real example can be a control: the dataset's training split has none of these relations")
    lines: list[Line] = [("written", example, example.id) for example in _stratified(positive, size, rng)]
    lines += made
    rng.shuffle(lines)
    return [
        Item(
            id=f"i{number:04}",
            kind=kind,
            relation=example.relation,
            method=example.method if kind == "written" else None,
            source=source,
            example=example,
        )
        for number, (kind, example, source) in enumerate(lines, start=1)
    ]


def _controls(real: Sequence[Example], schema: Schema, wanted: int, rng: random.Random) -> list[Line]:
    """Controls of all kinds in turn, each of another real example, until there are enough."""
    left = rng.sample(list(real), len(real))
    found: list[Line] = []
    for number in range(wanted):
        for kind in (CONTROLS[number % len(CONTROLS)], *CONTROLS):
            made = next(
                ((at, made) for at, each in enumerate(left) if (made := _control(kind, each, schema, rng))), None
            )
            if made is not None:
                at, example = made
                found.append((kind, example, left.pop(at).id))
                break
    return found


def _control(kind: ItemKind, example: Example, schema: Schema, rng: random.Random) -> Example | None:
    """A real example as a control of a kind; None where it can be none."""
    relation = schema.by_label[example.relation]
    if kind == "co_occurrence":
        return _under_another(example, schema, rng) if relation.negative else None
    if relation.negative:
        return None
    if kind == "gold":
        return example
    if kind == "wrong_relation":
        return _under_another(example, schema, rng)
    if not relation.reversible:
        return None
    turned = example.model_copy(update={"head": example.tail, "tail": example.head})
    return turned if relation.allows(turned) else None


def _under_another(example: Example, schema: Schema, rng: random.Random) -> Example | None:
    others = [each for each in schema.relations if _may_be_asked(each, example)]
    return example.model_copy(update={"relation": rng.choice(others).relation}) if others else None


def _may_be_asked(relation: Relation, example: Example) -> bool:
    return not relation.negative and relation.relation != example.relation and relation.allows(example)


def _stratified(examples: Sequence[Example], size: int, rng: random.Random) -> list[Example]:
    """`size` examples at most, of each method and relation its share, rounded by the largest remainders."""
    strata: dict[tuple[str | None, str], list[Example]] = {}
    for example in examples:
        strata.setdefault((example.method, example.relation), []).append(example)
    if size >= len(examples):
        return list(examples)
    sizes = shares_of({key: len(own) for key, own in strata.items()}, size)
    return [example for key, own in strata.items() for example in rng.sample(own, sizes[key])]


def choice_of(said: str) -> Choice | None:
    """The answer that a word is, in any letter case; None where it is none."""
    word = said.strip().casefold()
    return next((choice for choice in ANSWERS if choice == word), None)
