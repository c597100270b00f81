"""Units: what a method writes of one target, and what its loop asks with; and the targets of a method."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Protocol

from relseed.generation.method import Method, Target
from relseed.llm.request import Request
from relseed.pipeline.errors import UserError
from relseed.records.candidates import request_id
from relseed.tasks.task import Prompt


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of a unit, and what it asks for."""

    id: str
    count: int  # of examples
    prompt: Prompt
    request: Request
    tuples: Sequence[Any] = ()  # that they are about
    after: str | None = None  # the id of the example that is shown, where one decides what comes


@dataclass(frozen=True, slots=True)
class Accepted:
    """An example of a unit that was accepted."""

    shown: str  # as prompts show it
    tuple: str | None = None  # the id of what it is about
    example: Any = None


class Sender(Protocol):
    """Sends the requests of one unit."""

    async def __call__(self, asked: Sequence[Asked]) -> list[Accepted]:
        """Send all at the same time; the unit's examples that were accepted, in order.

        Raises:
            StoppedError: A response did not come.
        """


class Unit:
    """What a method writes of one target: what a loop asks with, and how far it is."""

    def __init__(self, method: Method, target: Target, send: Sender) -> None:
        self.method, self.target, self.settings, self._send = method, target, method.settings, send
        self.demonstrations = method.demonstrations(target.shown)
        self.next = 0  # the number of the next request
        self.accepted = self.requested = 0  # examples

    @property
    def missing(self) -> int:
        """How many examples to ask for now: none once there are enough, or as many were asked for as may be."""
        most = int(round(self.target.wanted * self.settings.max_request_factor, 6))
        return max(0, min(self.target.wanted - self.accepted, most - self.requested))

    def shuffled(self, number: int) -> list[str]:
        """The demonstrations in an order of request `number`, so that it is not always the last one that is copied."""
        shown = list(self.demonstrations)
        random.Random(f"{self.method.llm.seed}/{self.method.seeded_id(self.target.unit, number)}").shuffle(shown)
        return shown

    async def ask(self, count: int, shown: Sequence[str]) -> list[str]:
        """Ask for `count` examples with a prompt that shows some, and return those accepted, as prompts show them.

        Raises:
            StoppedError: The response did not come.
        """
        return await self.ask_together([(count, shown)])

    async def ask_together(self, asks: Sequence[tuple[int, Sequence[str]]]) -> list[str]:
        """Ask for several at the same time: of each how many examples, and what its prompt shows.

        Raises:
            StoppedError: A response did not come.
        """
        asked = [self._asked(number, count, shown) for number, (count, shown) in enumerate(asks, start=self.next)]
        return [accepted.shown for accepted in await self._sent(asked)]

    async def ask_about(self, tuples: Sequence[Any], count: int) -> list[Any]:
        """Ask once for examples about tuples, `count` things in the response, and return the tuples still without one.

        Raises:
            StoppedError: The response did not come.
        """
        number, shown = self.next, self.shuffled(self.next)
        prompt, request = self.method.request(self.target, number, count, shown, tuples=tuples)
        accepted = await self._sent([Asked(self._id(number), len(tuples), prompt, request, tuples)])
        written = {each.tuple for each in accepted}
        return [each for each in tuples if each.id not in written]

    async def ask_after(self, asks: Sequence[tuple[int, Any, Mapping[str, Any]]]) -> list[Any]:
        """Ask for several at the same time, and return the examples that were accepted.

        Of each how many, the example that they are written after, and what else of `Ask` is decided.

        Raises:
            StoppedError: A response did not come.
        """
        asked = [
            replace(self._asked(number, count, [example], **others), after=example.id)
            for number, (count, example, others) in enumerate(asks, start=self.next)
        ]
        return [accepted.example for accepted in await self._sent(asked)]

    def similarities(self, example: Any, others: Sequence[Any]) -> list[float]:
        """How similar others are to an example: cosines of embeddings of what they are about, names aside."""
        from relseed.quality.embeddings import embed  # late: it loads PyTorch, and most loops do without

        key = self.method.task.key
        own, *found = embed([key(example), *map(key, others)])
        return [float(own @ each) for each in found]

    def _asked(self, number: int, count: int, shown: Sequence[Any], **others: Any) -> Asked:
        prompt, request = self.method.request(self.target, number, count, shown, **others)
        return Asked(self._id(number), count, prompt, request)

    def _id(self, number: int) -> str:
        return request_id(self.method.name, self.target.unit, number)

    async def _sent(self, asked: Sequence[Asked]) -> list[Accepted]:
        self.next += len(asked)
        self.requested += sum(each.count for each in asked)
        accepted = await self._send(asked)
        self.accepted += len(accepted)
        return accepted

    async def ask_for_missing(self, size: int) -> None:
        """Ask for what is missing until it is there: `size` examples in a response, all requests at the same time.

        Raises:
            StoppedError: A response did not come.
        """
        while missing := self.missing:
            counts = [min(size, missing - done) for done in range(0, missing, size)]
            await self.ask_together([(count, self.shuffled(number)) for number, count in enumerate(counts, self.next)])


def targets_of(method: Method, loop: ModuleType) -> list[Target]:
    """What a method writes: what its loop says, else examples of each label.

    Raises:
        UserError: There is nothing.
    """
    targets: list[Target] = getattr(loop, "targets", label_targets)(method)
    return targets


def label_targets(method: Method) -> list[Target]:
    """A target for each label; for the negative one only where it is wanted."""
    return [Target(label, method.settings.per_label) for label in with_seeds(method, method.labels)]


def tuple_targets(method: Method, tuples: Sequence[Any], size: int | None) -> list[Target]:
    """Targets for tuples, the first `per_label` of each label and of each surface of the negative one.

    Each has `size` tuples at most (None: all of a label). Those of the negative label come only where it is wanted.

    Raises:
        UserError: No tuple is left.
    """
    groups: dict[tuple[str, Any], list[Any]] = {}
    for each in tuples:
        negative = each.label == method.schema.negative
        if not negative or method.settings.negatives:
            groups.setdefault((each.label, each.surface if negative else None), []).append(each)
    labels = list(dict.fromkeys(label for label, _ in groups))
    shown = with_seeds(method, labels) if method.settings.demonstrations else labels
    targets = [
        _tuple_target(method, *key, found[: method.settings.per_label][start : start + (size or len(found))], part)
        for key, found in groups.items()
        if key[0] in shown
        for part, start in enumerate(range(0, min(len(found), method.settings.per_label), size or len(found)))
    ]
    if not targets:
        raise UserError(f"the method {method.name} has nothing to write: {method.settings.about} holds no tuple for it")
    return targets


def _tuple_target(method: Method, label: str, surface: Any, tuples: Sequence[Any], part: int) -> Target:
    kind = method.settings.negatives[0] if label == method.schema.negative else None
    return Target(label, len(tuples), kind=kind, surface=surface, tuples=tuple(tuples), part=part)


def with_seeds(method: Method, wanted: Sequence[str]) -> list[str]:
    """Those of the labels that have seeds to show.

    Raises:
        UserError: There is none.
    """
    seeded = {seed.label for seed in method.rules.seeds}
    for label in wanted:
        if label not in seeded:
            print(f"skipped {label}: it has no seeds to show")
    if seeded.isdisjoint(wanted):
        raise UserError(f"the method {method.name} has nothing to write: none of its labels has seeds to show")
    return [label for label in wanted if label in seeded]
