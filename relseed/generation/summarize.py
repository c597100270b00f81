"""Counts, cost and diversity of what one method wrote."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from relseed.generation.exchanges import Exchange
from relseed.generation.summary import MethodSummary
from relseed.generation.usage import usage_of
from relseed.llm.prices import Prices
from relseed.quality.diversity import Diversity, Embedded, diversity, embedded, mean
from relseed.records.candidates import Rejected, method_of, request_of, unit_of
from relseed.tasks.task import Task


def summarize(
    exchanges: Sequence[Exchange],
    accepted: Sequence[Any],
    rejected: Sequence[Rejected],
    diversities: tuple[Mapping[str, Diversity], Mapping[str, Diversity]],
    prices: Prices,
) -> MethodSummary:
    """Sum up; `diversities` are those of all candidates and of the accepted, by unit."""
    responses = [exchange.response for exchange in exchanges if exchange.response]
    usage = usage_of(exchanges, prices)
    before, after = diversities
    return MethodSummary(
        method=method_of(exchanges[0].id),
        model=", ".join(sorted({response.model for response in responses})),
        requests=(requests := sum(exchange.request is not None for exchange in exchanges)),
        refused=requests - len(responses),
        candidates=len(accepted) + len(rejected),
        accepted=len(accepted),
        rejected=dict(Counter(candidate.rule for candidate in rejected).most_common()),
        per_unit=dict.fromkeys((exchange.unit for exchange in exchanges), 0)
        | Counter(_unit(example.id) for example in accepted),
        **asdict(usage),
        cost_per_accepted=None if usage.cost is None or not accepted else usage.cost / len(accepted),
        before=mean(before),
        after=mean(after),
        vendi_before={unit: diversity.vendi for unit, diversity in before.items()},
        vendi={unit: diversity.vendi for unit, diversity in after.items()},
    )


def diversities_of(
    task: Task, read: Mapping[str, Any], accepted: Sequence[Any], title: str
) -> tuple[dict[str, Diversity], dict[str, Diversity]]:
    """The diversity of all candidates that can be read, as examples by id, and of the accepted, each by unit.

    A text that several examples of a response share, pairs of a sentence, counts once.
    """
    different = list({task.text(example): example for example in read.values()}.values())
    vectors = embedded(list(map(task.text, different)), list(map(task.masked, different)), f"embed candidates, {title}")
    by_text = {task.text(example): vector for example, vector in zip(different, vectors, strict=True)}
    every = _by_unit(((id, task.text(example)) for id, example in read.items()), by_text)
    passed = _by_unit(((example.id, task.text(example)) for example in accepted), by_text)
    before = diversity(every)
    # Self-BLEU is slow, and often all candidates of a unit are accepted.
    after = diversity({unit: found for unit, found in passed.items() if len(found) < len(every[unit])})
    after |= {unit: before[unit] for unit in before if len(passed.get(unit, ())) == len(every[unit])}
    return before, {unit: after[unit] for unit in before if unit in after}


def _by_unit(texts: Iterable[tuple[str, str]], vectors: Mapping[str, Embedded]) -> dict[str, list[Embedded]]:
    """The texts of each unit, given as pairs of a candidate's id and its text."""
    groups: dict[str, dict[tuple[str, str], Embedded]] = {}
    for id, text in texts:
        request = request_of(id)
        groups.setdefault(unit_of(request), {})[request, text] = vectors[text]
    return {unit: list(found.values()) for unit, found in groups.items()}


def _unit(candidate: str) -> str:
    return unit_of(request_of(candidate))
