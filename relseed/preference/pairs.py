"""Preference pairs that need no annotator (Li, Dai and Li 2025): a real example, and one that is worse by construction.

All that a pair holds comes from the relations of one half, so that an LLM never writes for a relation of which it has
seen an example.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from relseed.generation.method import Method, Target
from relseed.preference.pair import FLAWS, Flaw, PreferencePair
from relseed.tasks.relation import TASK, Example, Sentence
from relseed.tasks.relation.continuation import line
from relseed.tasks.relation.tags import replace_mentions, untag

RECENT = 3  # examples at the end of a prompt, of which one is copied: those that an LLM copies next


def pairs_of(
    method: Method,
    label: str,
    seeds: Sequence[Example],
    own: Sequence[Example],
    counts: Mapping[Flaw, int],
    rng: random.Random,
) -> Iterator[PreferencePair]:
    """The pairs of a relation, with the prompts that `method` would have of it.

    The n-th prompt shows the n - 1 seeds before, as a prompt of `one_by_one` shows what was accepted before; then, as
    there, `own` follow, what the untuned LLM wrote, one more in each prompt. `seeds` are those of the whole half.
    `counts` says how many pairs of each flaw a prompt gets; there are fewer where the prompt has too little for them,
    such as copies before anything is shown. What a prompt has no room for is not copied.
    """
    mine = [seed for seed in seeds if seed.relation == label]
    others = [seed for seed in seeds if seed.relation != label]
    target = Target(label, len(mine))
    for number, (seed, shown) in enumerate(_growing_prompts(mine, own, method.settings.demonstrations, rng)):
        prompt, request = method.request(target, number, 1, list(map(TASK.show, shown)))
        recent = [example for example in shown if _is_shown(example, request.messages[-1].content)][-RECENT:]
        for flaw in FLAWS:
            worse = _dispreferred(flaw, counts[flaw], recent, [*mine, *others], others, rng)
            for again, sentence in enumerate(worse):
                yield PreferencePair(
                    id=f"{label}/{number}/{flaw}/{again}",
                    flaw=flaw,
                    prompt=request.messages,
                    chosen=prompt.render_target(seed),
                    rejected=prompt.render_target(_typed_as(sentence, seed)),
                )


def _is_shown(example: Example, prompt: str) -> bool:
    """Whether a prompt, of either form, has room for an example."""
    tagged = TASK.show(example)
    return tagged in prompt or line(tagged) in prompt


def _growing_prompts(
    seeds: Sequence[Example], own: Sequence[Example], most: int, rng: random.Random
) -> Iterator[tuple[Example, list[Example]]]:
    """What is preferred, a seed, and what its prompt shows: first the seeds before, then `most` others and `own`."""
    for number, seed in enumerate(seeds):
        yield seed, list(seeds[:number])
    for number in range(len(own)):
        seed = rng.choice(seeds)
        yield seed, [*[other for other in seeds if other is not seed][:most], *own[: number + 1]]


def _dispreferred(
    flaw: Flaw,
    count: int,
    recent: Sequence[Example],
    known: Sequence[Example],
    others: Sequence[Example],
    rng: random.Random,
) -> list[Sentence]:
    """Sentences with a flaw, as many as there are things to make them of."""
    if flaw == "wrong_relation":
        return list(rng.sample(others, min(count, len(others))))
    if flaw == "exact_copy":
        return list(rng.sample(recent, min(count, len(recent))))
    return [near_copy(rng.choice(recent), known, rng) for _ in range(count if recent else 0)]


def near_copy(shown: Example, others: Sequence[Example], rng: random.Random) -> Sentence:
    """A sentence with the mentions of others in place of its own, and one word less where it can spare one.

    New mentions are of the old one's type if any are.
    """
    words = {}
    for role, mention in (("e1", shown.head), ("e2", shown.tail)):
        old = mention.text_of(shown.text)
        found = [(each.type, each.text_of(other.text)) for other in others for each in (other.head, other.tail)]
        fit = [text for type, text in found if type == mention.type and text != old] or [text for _, text in found]
        words[role] = f"<{role}>{rng.choice(fit)}</{role}>"
    return untag(_shortened(replace_mentions(shown, words["e1"], words["e2"]), rng))


def _shortened(tagged: str, rng: random.Random) -> str:
    """A tagged text without one of its plain words."""
    tokens, inside, plain = tagged.split(" "), False, []
    for at, token in enumerate(tokens):
        if not inside and "<" not in token and token.isalpha():
            plain.append(at)
        inside = (inside or "<e" in token) and "</e" not in token
    if plain:
        del tokens[rng.choice(plain)]
    return " ".join(tokens)


def _typed_as(worse: Sentence, seed: Example) -> Example:
    """A worse sentence, under the relation and the types that were asked for."""
    fields: dict[str, Any] = {"id": seed.id, "text": worse.text, "relation": seed.relation}
    for role in ("head", "tail"):
        mention = getattr(worse, role)
        fields[role] = {"start": mention.start, "end": mention.end, "type": getattr(seed, role).type}
    return Example.model_validate(fields)
