"""One example grows a data set: each request shows one that was written before (Lee et al. 2023, section 3.3).

The next one to be shown is always the first (`naive`), or one of those just accepted: any (`random`), the least or the
most similar to the one shown last (`contrastive`, `similar`). In a `tree` each of them is shown once, level by level.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, PositiveInt

from relseed.generation.method import Method, MethodSettings, Target
from relseed.generation.units import Unit
from relseed.pipeline.errors import UserError


class Settings(MethodSettings):
    """An entry of `methods` with this loop; `per_label` times the number of labels are wanted after each first seed."""

    choose: Literal["naive", "random", "contrastive", "similar", "tree"]  # what is shown next
    among: Literal["response", "all"]  # accepted examples, not yet shown, that it is chosen among (a tree shows all)
    per_request: PositiveInt  # examples that one response is to hold
    first: tuple[PositiveInt, ...] = Field(min_length=1)  # seeds that are shown first, by their places, from 1
    balanced: bool  # ask for the labels that are rarest so far; false: for different ones, as the paper does
    names: Literal["plain", "codes", "permuted"]  # of labels, as shown: codes and names of others say nothing
    definitions: bool  # whether labels are shown with what they mean
    demonstrations: Literal[1] = 1
    diversity_instruction: Literal[False] = False


def targets(method: Method) -> list[Target]:
    """All that are wanted, of whatever label, after each seed that is shown first.

    Raises:
        UserError: There are not as many seeds, one has a label that is not written, or labels are shown alike.
    """
    seeds, labels = method.rules.seeds, method.labels
    _check_names(method, labels)
    if (last := max(method.settings.first)) > len(seeds):
        raise UserError(f"methods.{method.name}.first has {last}, and there are {len(seeds)} seeds")
    starts = [seeds[place - 1] for place in dict.fromkeys(method.settings.first)]
    if other := [start.id for start in starts if start.label not in labels]:
        raise UserError(
            f"methods.{method.name}.first has the seed {other[0]} of the negative label, which is not written: take "
            "another, or name a kind in `negatives`"
        )
    return [Target(start.label, method.settings.per_label * len(labels), start=start) for start in starts]


async def write(unit: Unit) -> None:
    """Ask until there are as many as wanted, or as many were asked for as may be."""
    grow = {"naive": _naive, "tree": _tree}.get(unit.settings.choose, _chain)
    await grow(unit, _Asks(unit))


class _Asks:
    """What each request asks for: how many examples, after which, with which answers."""

    def __init__(self, unit: Unit) -> None:
        method = unit.method
        self._unit, self._count, self._balanced = unit, unit.settings.per_request, unit.settings.balanced
        self._labels = method.labels
        options = _names(method, self._labels)
        entries = {entry.label: entry.definition for entry in method.schema.entries if entry.label in options}
        self._said = {"options": options, "definitions": entries if unit.settings.definitions else {}}
        self._written: Counter[str] = Counter()  # accepted, by label

    async def send(self, shown: Sequence[Any]) -> list[Any]:
        """Ask after each of some examples, at the same time, for no more than are missing; what was accepted."""
        left, expected = self._unit.missing, self._written.copy()
        asks: list[tuple[int, Any, Mapping[str, Any]]] = []
        for example in shown:
            if count := min(self._count, left):
                asks.append((count, example, {**self._said, "answers": self._rarest(expected, count)}))
                left -= count
        found = await self._unit.ask_after(asks)
        self._written.update(example.label for example in found)
        return found

    def needed(self, most: int) -> int:
        """How many requests ask for all that is missing, `most` at most."""
        return min(most, -(-self._unit.missing // self._count))

    def _rarest(self, expected: Counter[str], count: int) -> tuple[str, ...]:
        """The rarest labels, one after another; they are counted as if they came."""
        answers = []
        for _ in range(count if self._balanced else 0):
            answers.append(min(self._labels, key=lambda label: expected[label]))
            expected[answers[-1]] += 1
        return tuple(answers)


async def _naive(unit: Unit, asks: _Asks) -> None:
    while unit.missing:
        await asks.send([unit.target.start] * asks.needed(unit.missing))


async def _tree(unit: Unit, asks: _Asks) -> None:
    level, below = [unit.target.start], list[Any]()
    while unit.missing:
        many = asks.needed(len(level))
        now, level = level[:many], level[many:]
        below += await asks.send(now)
        if not level:  # all of it was shown; where nothing came of it, once more
            level, below = below or now, []


async def _chain(unit: Unit, asks: _Asks) -> None:
    shown, among = unit.target.start, list[Any]()
    while unit.missing:
        found = await asks.send([shown])
        among = [*among, *found] if unit.settings.among == "all" else found
        if among and unit.missing:
            shown = _chosen(unit, shown, among)
            among = [example for example in among if example is not shown]  # nothing is more similar to itself


def _chosen(unit: Unit, shown: Any, among: Sequence[Any]) -> Any:
    if unit.settings.choose == "random":
        return random.Random(unit.method.seeded_id(unit.target.unit, unit.next)).choice(among)
    pick, similar = (min if unit.settings.choose == "contrastive" else max), unit.similarities(shown, among)
    return among[pick(range(len(among)), key=similar.__getitem__)]


def _check_names(method: Method, labels: Sequence[str]) -> None:
    """Make sure that an answer can mean one label alone, letter case aside."""
    known: dict[str, str] = {}
    for label, name in _names(method, labels).items():
        if (other := known.setdefault(name.strip().casefold(), label)) != label:
            raise UserError(
                f"the method {method.name} would show the labels {other} and {label} alike, as {name!r}: set its "
                "`names` to codes, or call one of them something else"
            )


def _names(method: Method, labels: Sequence[str]) -> dict[str, str]:
    """Labels as prompts show them."""
    plain = {entry.label: entry.name for entry in method.schema.entries if entry.label in labels}
    if method.settings.names == "codes":
        return {label: f"R{number:02}" for number, label in enumerate(labels, start=1)}
    if method.settings.names == "permuted":  # each the name of the next: none keeps its own
        return {label: plain[labels[number - 1]] for number, label in enumerate(labels)}
    return plain
