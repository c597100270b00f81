"""What filled sheets say: how many sentences state their relation, how sure that is, and how far people agree."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from relseed.verification.agreement import ac1, corrected, kappa, percent_agreement, wilson
from relseed.verification.items import ANSWERS, CONTROLS, KINDS, Choice, Item, ItemKind

_RESAMPLES = 2000


def described(items: Sequence[Item], sheets: Mapping[Path, Mapping[str, Choice]]) -> str:
    """The scores of each sheet, and the agreement of each two, as text."""
    lines = [line for path, answers in sheets.items() for line in _sheet(path, items, answers)]
    lines += [line for one, other in combinations(sheets, 2) for line in _agreement(one, other, sheets)]
    return "\n".join(lines)


def accuracy(items: Sequence[Item], answers: Mapping[str, Choice]) -> tuple[int, int]:
    """How many of the items state their relation, by these answers, and how many of them were answered."""
    said = [answers[item.id] for item in items if item.id in answers]
    return said.count("stated"), len(said)


def corrected_accuracy(items: Sequence[Item], answers: Mapping[str, Choice]) -> float | None:
    """The share of written sentences that state their relation, corrected by the errors on controls.

    None where one of the three is not answered: written sentences, gold ones, other controls.
    """
    return _corrected(_said(items, answers))


def bootstrap(items: Sequence[Item], answers: Mapping[str, Choice], seed: int = 1) -> tuple[float, float] | None:
    """The 95 % interval of `corrected_accuracy`: written sentences and controls of each kind are drawn again.

    None where a part of the draws has no value: there are too few controls, or they were answered too badly.
    """
    said, rng, found = _said(items, answers), np.random.default_rng(seed), []
    for _ in range(_RESAMPLES):
        drawn = {kind: own[rng.integers(len(own), size=len(own))] for kind, own in said.items()}
        if (value := _corrected(drawn)) is None:
            return None
        found.append(value)
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def _said(items: Sequence[Item], answers: Mapping[str, Choice]) -> dict[ItemKind, np.ndarray]:
    """Of each kind that was answered, whether each item was said to be stated."""
    kinds = {kind: [item.id for item in items if item.kind == kind and item.id in answers] for kind in KINDS}
    return {kind: np.array([answers[id] == "stated" for id in ids]) for kind, ids in kinds.items() if ids}


def _corrected(said: Mapping[ItemKind, np.ndarray]) -> float | None:
    others = [~own for kind, own in said.items() if kind not in ("written", "gold")]
    if "written" not in said or "gold" not in said or not others:
        return None
    return corrected(*(float(group.mean()) for group in (said["written"], said["gold"], np.concatenate(others))))


def _sheet(path: Path, items: Sequence[Item], answers: Mapping[str, Choice]) -> Iterator[str]:
    written = [item for item in items if item.kind == "written"]
    yield f"{path}: {sum(item.id in answers for item in items)} of {len(items)} answered"
    yield f"  stated: {_share(*accuracy(written, answers))}"
    for kind in CONTROLS:
        own = [item for item in items if item.kind == kind]
        if own:
            yield f"  controls, {kind}: {_share(*accuracy(own, answers))} said to be stated"
    value, ends = corrected_accuracy(items, answers), bootstrap(items, answers)
    if value is None:
        yield "  corrected by the controls: not possible, they are too few, or answered no better than by guessing"
    else:
        between = f" (bootstrap {_percent(ends[0])} to {_percent(ends[1])})" if ends else ""
        yield f"  corrected by the controls: {_percent(value)} %{between}"
    yield from _by("method", lambda item: str(item.method), written, answers)
    yield from _by("relation", lambda item: item.relation, written, answers)


def _by(what: str, key: Callable[[Item], str], items: Sequence[Item], answers: Mapping[str, Choice]) -> Iterator[str]:
    for name in dict.fromkeys(map(key, items)):
        yield f"  {what} {name}: {_share(*accuracy([item for item in items if key(item) == name], answers))}"


def _share(count: int, total: int) -> str:
    if not total:
        return "none answered"
    low, high = wilson(count, total)
    return f"{count} of {total}, {_percent(count / total)} % (Wilson {_percent(low)} to {_percent(high)})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _agreement(one: Path, other: Path, sheets: Mapping[Path, Mapping[str, Choice]]) -> Iterator[str]:
    both = sorted(set(sheets[one]) & set(sheets[other]))
    if not both:
        yield f"{one} and {other}: no item has two answers"
        return
    first, second = ([sheets[path][id] for id in both] for path in (one, other))
    found = kappa(first, second)
    shown = "not defined" if found is None else f"{found:.2f}"
    agreed = f"{_percent(percent_agreement(first, second))} % of {len(both)} answers are the same"
    yield f"{one} and {other}: {agreed}, Cohen's kappa {shown}, Gwet's AC1 {ac1(first, second, ANSWERS):.2f}"
