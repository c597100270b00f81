"""A training set `crew` and the files that it is selected from, in the folder that a test runs in."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from relseed.records.files import read_records, write_json_lines, write_records
from relseed.tasks.relation import Example, Relation
from relseed.tasks.relation.tags import untag
from stages import select
from tests.graph import PARAMS

RELATIONS = [
    Relation(relation="owns", definition="the head owns the tail"),
    Relation(relation="rows", definition="the head rows the tail"),
    Relation(relation="none", definition="neither", negative=True),
]
DATASET = {"name": "Harbour", "licence": "CC BY 4.0", "source": "a log book"}
FILES = {
    "labels": "relations.jsonl",
    "seeds": "seeds.jsonl",
    "dataset_card": "card.json",
    "reviews": "reviews",
    "training": "training",
}


def example(relation: str, number: int, method: str | None = "all_at_once", request: int = 0) -> Example:
    """One that shares no word with those of another number; a seed where no method wrote it."""
    written = {"method": method} if method else {}
    id = f"{method}/{relation}/{request}/{number}" if method else f"harbour-{relation}-{number}"
    word = "".join("abcdefghij"[int(digit)] for digit in str(number))  # names and numbers alone would be copies
    text = f"Old{word} <e1>Marit{word}</e1> {relation}{word} <e2>Sula{word}</e2> {method}"
    return Example(**dict(untag(text)) | {"id": id, "relation": relation} | written)


def renamed(relation: str, name: str, method: str = "all_at_once") -> Example:
    """One that is like those of other names but for the name."""
    text = f"Before dawn <e1>{name}</e1> takes the <e2>{name} Star</e2> over to the far island."
    return Example(
        **dict(untag(text)) | {"id": f"{method}/{relation}/0/{name}", "relation": relation, "method": method}
    )


SEEDS = [example("owns", 100, None), example("none", 101, None)]


def prepare(
    *accepted: Example,
    scores: Mapping[str, Sequence[float]] | None = None,
    params: Mapping[str, Any] | None = None,
    **changes: Any,
) -> None:
    """Write what the stage reads: of the methods in `accepted`, or of their `scores` by criterion, in this order.

    `changes` are those of the training set, `params` sections that take the place of others.
    """
    methods = list(dict.fromkeys(found.method for found in accepted))
    entry = {
        "reads": "scores" if scores else "accepted",
        "seeds": False,
        "methods": methods,
        "per_label": 9,
        "negatives": {},
    }
    criteria = {criterion: {"methods": list(PARAMS["methods"])} for criterion in scores or ["accuracy"]}
    written = PARAMS | {"training_sets": {"crew": entry | changes}, "criteria": criteria} | dict(params or {})
    Path("params.yaml").write_text(yaml.safe_dump(written, sort_keys=False), encoding="utf-8")
    Path("card.json").write_text(json.dumps(DATASET), encoding="utf-8")
    write_records(Path("relations.jsonl"), RELATIONS)
    write_records(Path("seeds.jsonl"), SEEDS)
    for method in methods:
        write_records(Path(f"accepted/{method}.jsonl"), [found for found in accepted if found.method == method])
    for criterion, values in (scores or {}).items():
        scored = zip(values, accepted, strict=True)
        lines = [{"score": score, "example": found.model_dump(exclude_unset=True)} for score, found in scored]
        write_json_lines(Path(f"scores/{criterion}.jsonl"), lines)


def run() -> None:
    """The stage `select@crew`."""
    select.main("crew", **{name: Path(file) for name, file in FILES.items()})


def selected(*accepted: Example, **changes: Any) -> list[str]:
    """The ids of what is selected."""
    prepare(*accepted, **changes)
    run()
    return ids()


def ids() -> list[str]:
    """The ids in the training set."""
    return [found.id for _, found in read_records(Path("training/crew.jsonl"), Example)]


def card() -> str:
    """The data card of the training set."""
    return Path("training/crew.md").read_text(encoding="utf-8")
