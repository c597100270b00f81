"""Preference pairs that need no annotator (Li, Dai and Li 2025): a real sample, and one that is worse by construction.

All that a pair holds comes from the relations of one half, so that a generator never writes for a relation of which it
has seen a sample.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict

from relseed.generation.writer import Writer
from relseed.llm.request import Message
from relseed.quality.duplicates import similarity
from relseed.tasks.relation import Example, Sentence
from relseed.tasks.relation.tags import rewritten, untag
from relseed.tasks.relation.templates import demonstration
from relseed.tasks.relation.written import Accepted, Rejected

Kind = Literal["wrong_relation", "near_copy", "exact_copy", "mined"]
KINDS = get_args(Kind)
LATEST = 3  # samples of a prompt, of which one is copied: those that a generator copies next
ALIKE = ("duplicate", "near_duplicate", "copy", "near_copy")  # checks whose rejects a pair may be mined from


Pools = tuple[Sequence[Accepted], Sequence[Rejected]]


class Pair(BaseModel):
    """Two answers to one prompt, the first of which is to be preferred."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str  # <relation>/<number of the prompt>/<kind>/<number>
    kind: Kind
    prompt: tuple[Message, ...]
    chosen: str
    rejected: str


def pairs_of(
    writer: Writer,
    seeds: Sequence[Example],
    drafts: Sequence[Example],
    others: Sequence[Example],
    counts: Mapping[Kind, int],
    pools: Pools,
    chance: random.Random,
) -> Iterator[Pair]:
    """The pairs of the relation of `writer`, whose own prompts they have.

    The n-th prompt shows the n - 1 seeds before, as a prompt of `one_by_one` shows what was accepted before; then, as
    there, `drafts` of the generator follow, one more in each prompt. `others` are seeds of the other relations of the
    half. `counts` says how many pairs of each kind a prompt gets; there are fewer of a kind that the prompt has too
    little for, such as copies before anything is shown. What a prompt has no room for is not copied.
    """
    for number, (seed, shown) in enumerate(_growing(seeds, drafts, writer.generate.demonstrations, chance)):
        asked, request = writer.request(number, 1, list(map(demonstration, shown)))
        latest = [one for one in shown if demonstration(one) in request.messages[-1].content][-LATEST:]
        for kind in KINDS[:-1]:
            for again, worse in enumerate(_worse(kind, counts[kind], latest, [*seeds, *others], others, chance)):
                yield Pair(
                    id=f"{writer.relation.relation}/{number}/{kind}/{again}",
                    kind=kind,
                    prompt=request.messages,
                    chosen=asked.completion(seed),
                    rejected=asked.completion(_typed_as(worse, seed)),
                )
    yield from _mined(writer, seeds, pools, counts["mined"])


def _growing(
    seeds: Sequence[Example], drafts: Sequence[Example], most: int, chance: random.Random
) -> Iterator[tuple[Example, list[Example]]]:
    """What is preferred, a seed, and what its prompt shows: first the seeds before, then `most` others and drafts."""
    for number, seed in enumerate(seeds):
        yield seed, list(seeds[:number])
    for number in range(len(drafts)):
        seed = chance.choice(seeds)
        yield seed, [*[one for one in seeds if one is not seed][:most], *drafts[: number + 1]]


def _worse(
    kind: Kind,
    count: int,
    latest: Sequence[Example],
    known: Sequence[Example],
    others: Sequence[Example],
    chance: random.Random,
) -> list[Sentence]:
    """Sentences that are worse in the way of `kind`, as many as there are things to make them of."""
    if kind == "wrong_relation":
        return list(chance.sample(others, min(count, len(others))))
    if kind == "exact_copy":
        return list(chance.sample(latest, min(count, len(latest))))
    return [near_copy(chance.choice(latest), known, chance) for _ in range(count if latest else 0)]


def near_copy(shown: Example, others: Sequence[Example], chance: random.Random) -> Sentence:
    """A sentence with the mentions of others in place of its own, and one word less where it can spare one.

    New mentions are of the old one's type if any are.
    """
    words = {}
    for role, mention in (("e1", shown.head), ("e2", shown.tail)):
        own = mention.within(shown.text)
        found = [(one.type, one.within(other.text)) for other in others for one in (other.head, other.tail)]
        fit = [text for type, text in found if type == mention.type and text != own] or [text for _, text in found]
        words[role] = f"<{role}>{chance.choice(fit)}</{role}>"
    return untag(_shortened(rewritten(shown, words["e1"], words["e2"]), chance))


def _shortened(tagged: str, chance: random.Random) -> str:
    """A tagged text without one of its plain words."""
    tokens, inside, plain = tagged.split(" "), False, []
    for at, token in enumerate(tokens):
        if not inside and "<" not in token and token.isalpha():
            plain.append(at)
        inside = (inside or "<e" in token) and "</e" not in token
    if plain:
        del tokens[chance.choice(plain)]
    return " ".join(tokens)


def _typed_as(worse: Sentence, seed: Example) -> Example:
    """A worse sentence, under the relation and the types that were asked for."""
    fields: dict[str, Any] = {"id": seed.id, "text": worse.text, "relation": seed.relation}
    for role in ("head", "tail"):
        mention = getattr(worse, role)
        fields[role] = {"start": mention.start, "end": mention.end, "type": getattr(seed, role).type}
    return Example.model_validate(fields)


def _mined(writer: Writer, seeds: Sequence[Example], pools: Pools, count: int) -> Iterator[Pair]:
    """Beyond the paper: of what was written, the rarest that was accepted over what was rejected as a copy."""
    label = writer.relation.relation
    accepted = [one for one in pools[0] if one.relation == label]
    alike = [one for one in pools[1] if one.draft.relation == label and one.check in ALIKE]
    rarest = sorted(
        accepted, key=lambda one: max((similarity(one.text, b.text) for b in accepted if b is not one), default=0)
    )
    asked, request = writer.request(len(seeds), 1, list(map(demonstration, seeds)))
    for number, (better, worse) in enumerate(zip(rarest[:count], alike, strict=False)):
        yield Pair(
            id=f"{label}/{len(seeds)}/mined/{number}",
            kind="mined",
            prompt=request.messages,
            chosen=asked.completion(better),
            rejected=asked.completion(_typed_as(untag(worse.draft.text), seeds[0])),
        )
