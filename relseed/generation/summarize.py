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
from relseed.records.candidates import Rejected, method_of
from relseed.tasks.task import Task


def summarize(
    exchanges: Sequence[Exchange],
    accepted: Sequence[Any],
    rejected: Sequence[Rejected],
    diversities: tuple[Mapping[str, Diversity], Mapping[str, Diversity]],
    prices: Prices,
) -> MethodSummary:
    """Sum up; `diversities` are those of all candidates and of the accepted, by label."""
    responses = [exchange.response for exchange in exchanges if exchange.response]
    usage = usage_of(exchanges, prices)
    before, after = diversities
    return MethodSummary(
        method=method_of(exchanges[0].id),
        model=", ".join(sorted({response.model for response in responses})),
        requests=len(exchanges),
        refused=len(exchanges) - len(responses),
        candidates=len(accepted) + len(rejected),
        accepted=len(accepted),
        rejected=dict(Counter(candidate.rule for candidate in rejected).most_common()),
        per_label=dict.fromkeys((exchange.label for exchange in exchanges), 0)
        | Counter(example.label for example in accepted),
        **asdict(usage),
        cost_per_accepted=None if usage.cost is None or not accepted else usage.cost / len(accepted),
        before=mean(before),
        after=mean(after),
        vendi_before={label: diversity.vendi for label, diversity in before.items()},
        vendi={label: diversity.vendi for label, diversity in after.items()},
    )


def diversities_of(
    task: Task, read: Mapping[str, Any], accepted: Sequence[Any], title: str
) -> tuple[dict[str, Diversity], dict[str, Diversity]]:
    """The diversity of all candidates that can be read, as examples by id, and of the accepted, each by label."""
    examples = list(read.values())
    vectors = embedded(list(map(task.text, examples)), list(map(task.masked, examples)), f"embed candidates, {title}")
    by_id = dict(zip(read, vectors, strict=True))
    every = _grouped((example.label, by_id[id]) for id, example in read.items())
    passed = _grouped((example.label, by_id[example.id]) for example in accepted)
    before = diversity(every)
    # Self-BLEU is slow, and often all candidates of a label are accepted.
    after = diversity({label: found for label, found in passed.items() if len(found) < len(every[label])})
    after |= {label: before[label] for label in before if len(passed.get(label, ())) == len(every[label])}
    return before, {label: after[label] for label in before if label in after}


def _grouped(pairs: Iterable[tuple[str, Embedded]]) -> dict[str, list[Embedded]]:
    groups: dict[str, list[Embedded]] = {}
    for label, example in pairs:
        groups.setdefault(label, []).append(example)
    return groups
