"""Counts, cost and diversity of what one method wrote."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from relseed.generation.exchanges import Exchange
from relseed.generation.sentences import Sentences
from relseed.generation.summary import MethodSummary
from relseed.generation.usage import Tokens
from relseed.llm.prices import Prices
from relseed.quality.diversity import Diversity, EmbeddedTexts, diversity, mean
from relseed.records.candidates import Rejected, request_of, unit_of

MEASURED = 1000  # sentences of a unit, at most: the diversity of more is that of a sample


class Counting:
    """What one method wrote, counted exchange by exchange."""

    def __init__(self, method: str) -> None:
        """Nothing yet."""
        self.rejected: Counter[str] = Counter()  # by rule
        self._method, self._models, self._tokens = method, set[str](), Tokens()
        self._requests = self._responses = 0
        self._skipped: str | None = None
        self._units: dict[str, int] = {}
        self._per_unit, self._per_label = Counter[str](), Counter[str]()  # accepted

    def add(self, exchange: Exchange, outcomes: Iterable[Any | Rejected]) -> None:
        """Count a request, if there was one, what it took, and what became of each candidate."""
        self._units[exchange.unit] = 0
        self._requests += exchange.request is not None  # none where examples are made by rule
        self._skipped = self._skipped or exchange.skipped
        if exchange.response:
            self._responses += 1
            self._models.add(exchange.response.model)
            self._tokens.add(exchange.response)
        for outcome in outcomes:
            if isinstance(outcome, Rejected):
                self.rejected[outcome.rule] += 1
            else:
                self._per_unit[unit_of(request_of(outcome.id))] += 1
                self._per_label[outcome.label] += 1

    @property
    def accepted(self) -> int:
        """How many examples were accepted."""
        return self._per_label.total()

    def summary(
        self,
        diversities: tuple[Mapping[str, Diversity], Mapping[str, Diversity]],
        prices: Prices,
        labels: Sequence[str],
    ) -> MethodSummary:
        """Sum up; `diversities` are those of all candidates and of the accepted, by unit; `labels` the schema's."""
        usage, accepted = self._tokens.usage(prices), self.accepted
        before, after = diversities
        summary = MethodSummary(
            method=self._method,
            model=", ".join(sorted(self._models)),
            requests=self._requests,
            refused=self._requests - self._responses,
            candidates=accepted + self.rejected.total(),
            accepted=accepted,
            rejected=dict(self.rejected.most_common()),
            per_unit=self._units | self._per_unit,
            per_label=dict.fromkeys(labels, 0) | self._per_label,
            **asdict(usage),
            cost_per_accepted=None if usage.cost is None or not accepted else usage.cost / accepted,
            before=mean(before),
            after=mean(after),
            vendi_before={unit: diversity.vendi for unit, diversity in before.items()},
            vendi={unit: diversity.vendi for unit, diversity in after.items()},
        )
        if self._skipped is None:
            return summary
        return summary.model_copy(update={"skipped": self._skipped, "per_unit": {}})


def diversities_of(sentences: Sentences, title: str) -> tuple[dict[str, Diversity], dict[str, Diversity]]:
    """The diversity of the sentences of all candidates, and of those of the accepted, each by unit.

    Of a unit with more than 1,000, as many drawn at random stand for it, the same each time: they alone are embedded
    and compared.
    """
    measured, fewer = dict[str, Sequence[int]](), dict[str, Sequence[int]]()
    for unit, every, accepted in sentences.units():
        measured[unit] = _sample(unit, every)
        if len(accepted) < len(every):  # self-BLEU is slow, and often all candidates of a unit are accepted
            fewer[unit] = _sample(unit, accepted)
    places = sorted({place for group in (measured, fewer) for found in group.values() for place in found})
    texts = EmbeddedTexts(*sentences.at(places), f"embed candidates, {title}")
    numbers = {place: number for number, place in enumerate(places)}
    before, after = (_diversities(group, texts, numbers) for group in (measured, fewer))
    after |= {unit: before[unit] for unit in before if unit not in fewer}
    return before, {unit: after[unit] for unit in before if unit in after}


def _diversities(
    units: Mapping[str, Sequence[int]], texts: EmbeddedTexts, numbers: Mapping[int, int]
) -> dict[str, Diversity]:
    """The diversity of each unit's sentences, by their places; memory holds the vectors of one unit."""
    found: dict[str, Diversity] = {}
    for unit, places in units.items():
        found |= diversity({unit: texts.at(numbers[place] for place in places)})
    return found


def _sample(unit: str, sentences: Sequence[int]) -> Sequence[int]:
    """All of a unit's sentences, or as many as are measured, in their order."""
    if len(sentences) <= MEASURED:
        return sentences
    drawn = random.Random(f"diversity/{unit}").sample(range(len(sentences)), MEASURED)
    return [sentences[at] for at in sorted(drawn)]
