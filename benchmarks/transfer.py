"""How extractors do out of their domain: those that learnt Gazette's relations, on CrossRE's labels mapped to them.

    CROSSRE=.../crossre_data python -m benchmarks.transfer --name gold --extractors models/extractor/gold

Writes benchmarks/transfer.json. CrossRE (Bassignana and Plank 2022) has 17 coarse labels; six of them hold for mentions
of some types where a relation of Gazette does. What is asserted is mapped to these, and scored by micro-F1; a label of
CrossRE that none maps to, and a pair without a label, state nothing. Pairs are those of the test files of two domains
whose types a relation of Gazette has.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.results import update_results
from relseed.classifier.checkpoint import load_extractor
from relseed.classifier.labelling import label
from relseed.datasets.crossre import read
from relseed.evaluation.bootstrap import interval
from relseed.evaluation.f1 import score
from relseed.evaluation.spread import spread
from relseed.pipeline.command import run
from relseed.tasks.relation import TASK, Example, Mention, Sentence

RESULT = Path("benchmarks/transfer.json")
DOMAINS = ("news", "politics")
NOTHING = "nothing"
_PEOPLE = dict.fromkeys(("person", "politician", "researcher", "scientist", "writer", "musicalartist"), "PERSON")
_GROUPS = dict.fromkeys(("organisation", "politicalparty", "university", "band"), "ORGANIZATION")
_PLACES = dict.fromkeys(("location", "country"), "LOCATION")
_THINGS = dict.fromkeys(("product", "book", "song", "album", "magazine", "poem"), "PRODUCT")
TYPES: Mapping[str, str] = {**_PEOPLE, **_GROUPS, **_PLACES, **_THINGS}
# A label of CrossRE between mentions of these types, and the relations of Gazette that are of its kind.
MAPPED: Mapping[tuple[str, str, str], tuple[str, Sequence[str]]] = {
    ("PERSON", "role", "ORGANIZATION"): ("role", ("employed_by", "leads")),
    ("ORGANIZATION", "physical", "LOCATION"): ("physical", ("headquartered_in", "operates_in")),
    ("PERSON", "physical", "LOCATION"): ("physical", ("lives_in",)),
    ("PERSON", "origin", "LOCATION"): ("origin", ("born_in",)),
    ("PRODUCT", "origin", "ORGANIZATION"): ("origin", ("made_by",)),
    ("ORGANIZATION", "part-of", "ORGANIZATION"): ("part-of", ("subsidiary_of",)),
    ("PERSON", "social", "PERSON"): ("social", ("spouse_of", "parent_of")),
}
LABELS = (NOTHING, *dict.fromkeys(coarse for coarse, _ in MAPPED.values()), "other")


def main(name: str, extractors: Path) -> None:
    """Label the pairs by the extractor of each random seed in a folder, and score what is asserted."""
    pairs = [pair for domain in DOMAINS for pair in pairs_of(Path(os.environ["CROSSRE"]), domain)]
    gold, items = [label for label, _ in pairs], [item for _, item in pairs]
    folders = sorted(extractors.glob("seed-*")) or [extractors]
    predicted = [_predicted(folder, items) for folder in folders]
    each = [score(gold, answers, LABELS, NOTHING) for answers in predicted]
    ends = interval(gold, predicted, NOTHING)
    found = {
        "pairs": len(gold),
        "stated": sum(label != NOTHING for label in gold),
        "micro_f1": {**spread([one.micro.f1 for one in each]).model_dump(), "low": ends.low, "high": ends.high},
        "precision": spread([one.micro.precision for one in each]).mean,
        "recall": spread([one.micro.recall for one in each]).mean,
        "seeds": len(folders),
    }
    print(name, found)
    update_results(RESULT, name, found)


def pairs_of(folder: Path, domain: str) -> list[tuple[str, Sentence]]:
    """The coarse label and the sentence of each pair of the test file whose types a relation of Gazette has."""
    test = read(folder, task=TASK, domain=domain).splits["test"]
    typed = [(example, _typed(example)) for example in test]
    kinds = {(head, tail) for head, _, tail in MAPPED}
    return [
        (_coarse(example, item), item)
        for example, item in typed
        if item is not None and (item.head.type, item.tail.type) in kinds
    ]


def _typed(example: Example) -> Sentence | None:
    types = TYPES.get(str(example.head.type)), TYPES.get(str(example.tail.type))
    if None in types:
        return None
    head, tail = (
        Mention(start=mention.start, end=mention.end, type=type)
        for mention, type in zip((example.head, example.tail), types, strict=True)
    )
    return Sentence(text=example.text, head=head, tail=tail)


def _coarse(example: Example, item: Sentence) -> str:
    found = MAPPED.get((str(item.head.type), example.relation, str(item.tail.type)))
    return found[0] if found else NOTHING


def _predicted(folder: Path, items: Sequence[Sentence]) -> list[str]:
    extractor = load_extractor(folder, torch.device("cpu"))
    negative = extractor.schema.negative
    return [_mapped(row, item, negative) for row, item in zip(label(extractor, items), items, strict=True)]


def _mapped(row: Mapping[str, Any], item: Sentence, negative: str) -> str:
    if row["predicted"] == negative:
        return NOTHING
    for (head, _, tail), (coarse, relations) in MAPPED.items():
        if (head, tail) == (item.head.type, item.tail.type) and row["predicted"] in relations:
            return coarse
    return "other"


if __name__ == "__main__":
    run(main)
