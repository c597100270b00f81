"""What `relseed check` prints of a dataset: its card, everything odd, and the texts that its splits share."""

from collections.abc import Sequence

from relseed.datasets.card import card, table
from relseed.datasets.dataset import Dataset
from relseed.datasets.findings import SHOWN, Finding, findings, in_short
from relseed.quality.duplicates import overlaps
from relseed.records.files import Located

NEAR_DUPLICATE = 0.8  # `contamination.near_duplicate` as params.yaml ships


def check(dataset: Dataset) -> tuple[str, int]:
    """What there is to say of a dataset, as text, and how many errors are in it."""
    found = [*findings(dataset), *repeats(dataset)]
    said = map(str, found) if found else ["nothing odd was found"]
    return "\n".join([table(card(dataset)), *said]), sum(finding.is_error for finding in found)


def repeats(dataset: Dataset) -> list[Finding]:
    """Texts of a split that are, or nearly are, in another; of a text with several examples the first is shown."""
    firsts: dict[str, list[Located]] = {split: _firsts(dataset, located) for split, located in dataset.located.items()}
    examples = {split: [one.example for one in found] for split, found in firsts.items()}
    places = {split: {one.example.id: one for one in found} for split, found in firsts.items()}
    repeated = []
    for overlap in overlaps(examples, dataset.task.text, threshold=NEAR_DUPLICATE):
        if overlap.pairs:
            shown = tuple(
                f"{(one := places[overlap.first][pair.first])} ~ {places[overlap.second][pair.second]} "
                f"({pair.similarity:.2f}): {in_short(dataset, one)}"
                for pair in overlap.pairs[:SHOWN]
            )
            what = f"{overlap.first} in {overlap.second}: {overlap.same} same texts, {overlap.near} near-duplicates"
            repeated.append(Finding(what, shown))
    return repeated


def _firsts(dataset: Dataset, located: Sequence[Located]) -> list[Located]:
    """The first example of each text."""
    found: dict[str, Located] = {}
    for one in located:
        found.setdefault(dataset.task.text(one.example), one)
    return list(found.values())
