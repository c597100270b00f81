"""Make a data set to give away of what is ranked: splits without a common pair of entities, and a card."""

import json
import shutil
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from pathlib import Path

from relseed.pipeline.command import Entry, run
from relseed.pipeline.outputs import output_folder
from relseed.pipeline.params import Params
from relseed.records.files import DataError, scan_records
from relseed.records.scores import BLEND, RankedExample
from relseed.release.card import Counts, card_of
from relseed.release.split import SPLITS, Release, pair_of, split_pairs
from relseed.tasks.relation import TASK
from relseed.tasks.task import read_schema
from relseed.tracking.run import tracked


def main(release: Entry, labels: Path, releases: Path) -> None:
    """Split, write line by line, and describe."""
    params = Params.read()
    settings, target = params.section(f"releases.{release}", Release), releases / release
    described = settings.model_dump(mode="json")
    with (
        tracked("release", params=described, reads=[labels, settings.reads], writes=[target]) as log,
        output_folder(target, *(f"{split}.jsonl" for split in SPLITS), "relations.jsonl", "README.md") as folder,
    ):
        schema = read_schema(labels, TASK)
        splits = split_pairs(((each.example["relation"], pair_of(each.example)) for each in _best(settings)), settings)
        counts = Counts()
        with ExitStack() as files:
            opened = {
                split: files.enter_context((folder / f"{split}.jsonl").open("w", encoding="utf-8", newline="\n"))
                for split in SPLITS
            }
            for each in _best(settings):
                example, pair = dict(each.example), pair_of(each.example)
                method, split, index = example.pop("method"), splits[pair], each.index or 0.0
                counts.add(example["relation"], method, split, pair, index)
                line = {**example, "tuple": each.tuple, "written_by": method, "index": index}
                opened[split].write(json.dumps(line, ensure_ascii=False) + "\n")
        shutil.copyfile(labels, folder / "relations.jsonl")
        models = _models(params, settings, {method for method, _ in counts.methods})
        card = card_of(release, folder, settings, schema, counts, models)
        (folder / "README.md").write_text(card.strip() + "\n", encoding="utf-8")
        totals: dict[str, int] = {
            split: sum(counts.labels[label, split] for label in schema.labels) for split in SPLITS
        }
        print(", ".join(f"{split} {count:,}" for split, count in totals.items()))
        log.log_metrics(totals)


def _best(settings: Release) -> Iterator[RankedExample]:
    cure = f"build it with `dvc repro rank@{settings.reads.stem}`"
    for _, each in scan_records(settings.reads, RankedExample, cure=cure):  # not all at once: there may be many
        if isinstance(each, DataError):
            raise each
        if each.rank is not None and each.rank <= settings.top:
            yield each


def _models(params: Params, settings: Release, methods: Collection[str]) -> dict[str, str]:
    """The model that each method asks, as its LLM names it."""
    blend = params.value(f"rankings.{settings.reads.stem}")["blend"]
    entries = {method: blend if method == BLEND else params.value(f"methods.{method}") for method in methods}
    return {method: str(params.value(f"llms.{entry['llm']}")["model"]) for method, entry in entries.items()}


if __name__ == "__main__":
    run(main)
