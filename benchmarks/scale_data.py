"""What benchmarks/scale.py runs on: a schema of 255 relations, entity tuples, seeds, and an LLM that makes sentences.

All is made by rule and the same every time. The sentences are of English words in a few frames: they share more word
trigrams than what an LLM writes about different pairs, so that near-duplicates are searched for in earnest.
"""

import json
import random
import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from relseed.tasks.relation.tags import untag

TYPES = ("PERSON", "ORGANIZATION", "PLACE", "WORK")
DEEDS = "repairs sells paints guards copies praises borrows counts moves hides tests ships lists rents buys draws names"
THINGS = "boats letters bridges maps songs gardens engines coins clocks doors horses lamps roofs ovens walls"
SEEDS = 2  # of each relation

_SYLLABLES = "ba be bo da de do fa fe ga go ka ke ko la le lo ma me mo na ne no pa pe po ra re ro sa se so ta te to va"
_WORDS = {
    "adj": "old narrow bitter quiet northern famous broken cheap early foreign golden heavy honest idle jealous local "
    "modern muddy noisy patient private proud rare rough rural sacred secret sharp simple slow solid stubborn sudden "
    "tired ugly vacant weary wooden young cautious",
    "noun": "harvest journal market committee storm railway trumpet orchard furnace kitchen librarian lawyer festival "
    "tunnel painter barrel museum captain cathedral chemist farmer glacier hospital island juror kiosk lantern mayor "
    "nephew oyster parade quilter referee sailor tailor umpire valley widow yacht archive baker canal dentist envoy",
    "verb": "abandoned admired answered blamed carried cleaned covered crossed divided emptied entered followed "
    "forgot gathered greeted ignored imitated invited joined jotted liked mended missed noticed ordered passed "
    "pleased printed questioned raised repaired rescued searched served studied touched trusted visited watched",
    "when": "yesterday today lately recently formerly eventually nowadays meanwhile occasionally afterwards originally "
    "annually secretly gradually reluctantly officially",
}
_CHOICES = {name: words.split() for name, words in _WORDS.items()}
_OPENINGS = (
    "After {adj} {noun}s {verb} every {noun},",
    "While one {adj} {noun} {verb} its {noun},",
    "Once another {noun} {verb} some {adj} {noun},",
    "Because {noun}s {verb} each {adj} {noun},",
    "Where {adj} {noun}s {verb} {adj} {noun}s,",
    "{when}, as that {noun} {verb} {adj} {noun}s,",
)
_ENDINGS = (
    "although no {adj} {noun} {verb} any {noun}",
    "so {noun}s {verb} their {adj} {noun} {when}",
    "and {adj} {noun}s {when} {verb} her {noun}",
    "but this {noun} {when} {verb} most {adj} {noun}s",
    "which {adj} {noun}s {verb} before {noun}s {verb} it",
    "since his {noun} {verb} {adj} {noun}s {when}",
)
_PAIR = re.compile(r"^Pair (\d+): head (.+) \| tail (.+)$", re.M)
_RELATION = re.compile(r'^\{"relation": "([^"]+)"', re.M)


def relations() -> list[dict[str, Any]]:
    """The lines of labels.jsonl."""
    types = list(product(TYPES, TYPES))
    return [
        {
            "relation": f"{deed}_{thing}_of",
            "head_type": types[at % len(types)][0],
            "tail_type": types[at % len(types)][1],
            "definition": f"the head {deed} {thing} that belong to the tail",
            "negative": False,
        }
        for at, (deed, thing) in enumerate(product(DEEDS.split(), THINGS.split()))
    ]


def tuples(count: int) -> Iterator[dict[str, Any]]:
    """So many entity tuples, of all relations in turn; no two names are the same."""
    every = relations()
    for at in range(count):
        relation = every[at % len(every)]
        kept = {name: relation[name] for name in ("relation", "head_type", "tail_type")}
        yield kept | {"head": name(2 * at), "tail": name(2 * at + 1), "source": f"made:{at + 1}"}


def seeds() -> Iterator[dict[str, Any]]:
    """The lines of the seeds, a few of each relation."""
    for at, relation in enumerate([each for each in relations() for _ in range(SEEDS)]):
        # Their names come from behind those of any number of tuples.
        text = sentence(relation["relation"].replace("_", " "), name(10**8 + 2 * at), name(10**8 + 2 * at + 1))
        found = untag(text).model_dump(exclude_none=True)
        found["head"]["type"], found["tail"]["type"] = relation["head_type"], relation["tail_type"]
        yield {"id": f"seed-{at:04}", **found, "relation": relation["relation"]}


def name(number: int) -> str:
    """An invented name of two words, another one for each number."""
    syllables = _SYLLABLES.split()
    rest, drawn = number, random.Random(number)
    parts = []
    for _ in range(5):
        rest, at = divmod(rest, len(syllables))
        parts.append(syllables[at])
    return f"{''.join(parts[:3]).title()} {''.join([*parts[3:], drawn.choice(syllables)]).title()}"


def sentence(relation: str, head: str, tail: str) -> str:
    """A sentence that states the relation, with both names in tags; the same for the same pair."""
    drawn = random.Random(f"{head}/{tail}")
    opening, ending = (_filled(drawn.choice(frames), drawn) for frames in (_OPENINGS, _ENDINGS))
    return f"{opening[0].upper()}{opening[1:]} <e1>{head}</e1> {relation} <e2>{tail}</e2>, {ending}."


def _filled(frame: str, drawn: random.Random) -> str:
    return re.sub(r"\{(\w+)\}", lambda slot: drawn.choice(_CHOICES[slot[1]]), frame)


def respond(prompt: str) -> str:
    """The response to a request for a sentence about each of some pairs."""
    [relation] = _RELATION.findall(prompt)
    pairs: Sequence[tuple[str, str, str]] = _PAIR.findall(prompt)
    answers = [{"pair": int(number), "sentence": sentence(relation, head, tail)} for number, head, tail in pairs]
    return json.dumps({"relation": relation, "samples": answers})
