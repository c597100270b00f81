"""Read a filled sheet, and merge its decisions into those that git holds."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params
from relseed.records.candidates import method_of
from relseed.records.files import BadLinesError, DataError, write_records
from relseed.records.reviews import Decision, hash_of, read_decisions, reviews_of
from relseed.review.argilla import RECORDS, read_responses
from relseed.review.sheet import read_csv, readable
from relseed.tasks.task import Task, load_task, misfit_as, read_examples, read_schema

Place = int | str  # the number of a line, or words


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a sheet for the examples of one method."""

    path: Path  # where its decisions are
    counts: Mapping[str, int]  # by kind
    replaced: int  # earlier decisions that were others


def import_sheet(params: Params, sheet: Path, data: Path) -> tuple[list[Imported], list[str]]:
    """Merge the decisions of a sheet into `data/reviews`; return what came of each method, and ids with notes alone.

    Raises:
        UserError: The sheet holds no decision, or lines that are wrong: up to twenty of them, each with place and cure.
    """
    task = load_task(params.value("task"))
    schema = read_schema(data / "dataset/labels.jsonl", task, cure="build it with `dvc repro ingest`")
    reader = _Reader(sheet, task, schema, data)
    decisions = reader.read(_lines(sheet))
    if reader.problems:
        raise UserError(f"{BadLinesError(reader.problems)}\nnothing was imported")
    if not decisions:
        raise UserError(f"{sheet} holds no decision: fill in keep, drop or relabel LABEL under `decision`")
    by_method: dict[str, list[Decision]] = {}
    for decision in decisions:
        by_method.setdefault(method_of(decision.id), []).append(decision)
    paths = {method: reviews_of(data / "reviews", method) for method in sorted(by_method)}
    earlier = {method: read_decisions(path) for method, path in paths.items()}  # all are read before any is written
    return [_merge(path, earlier[method], by_method[method]) for method, path in paths.items()], reader.notes


def _lines(sheet: Path) -> Iterable[tuple[Place, Mapping[str, str]]]:
    if sheet.is_dir():
        return read_responses(sheet / RECORDS)
    if sheet.suffix == ".csv":
        return read_csv(sheet)
    if sheet.suffix == ".json":
        return read_responses(sheet)
    raise UserError(
        f"{sheet}: a filled sheet is a .csv file (from a spreadsheet, or saved by the page), or a .json file or folder "
        "that Argilla wrote"
    )


def _merge(path: Path, earlier: Mapping[str, Decision], new: Sequence[Decision]) -> Imported:
    merged = {**earlier} | {decision.id: decision for decision in new}
    write_records(path, (merged[id] for id in sorted(merged)))
    replaced = sum(decision.id in earlier and earlier[decision.id].words != decision.words for decision in new)
    return Imported(path, Counter(decision.decision for decision in new), replaced)


@dataclass
class _Reader:
    """Checks every line of a sheet against the accepted examples, and collects what is wrong."""

    sheet: Path
    task: Task
    schema: Any
    data: Path
    problems: list[DataError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # ids of examples with a note and no decision
    _accepted: dict[str, dict[str, Any]] = field(default_factory=dict)

    def read(self, lines: Iterable[tuple[Place, Mapping[str, str]]]) -> list[Decision]:
        """The decisions, one for each example."""
        found: dict[str, tuple[Place, Decision]] = {}
        for place, cells in lines:
            try:
                decision = self._decision(cells)
                if decision is None:
                    continue
                if (before := found.get(decision.id)) and before[1].words != decision.words:
                    raise ValueError(_contradiction(decision, *before))
                found[decision.id] = place, decision
            except ValueError as error:
                self.problems.append(DataError(self.sheet, place, str(error)))
        return [decision for _, decision in found.values()]

    def _decision(self, cells: Mapping[str, str]) -> Decision | None:
        """What a line decides; None where nothing.

        Raises:
            ValueError: It is not what a line can be.
        """
        id, hash, words, note = (cells[name].strip() for name in ("id", "hash", "decision", "note"))
        example = self._example(id)
        is_same = example is not None and hash == hash_of(example.label, self.task.segments(example))
        if is_same:
            self._check_unchanged(cells, example)
        if not words:
            self.notes += [id] if note else []
            return None
        if example is None:
            raise ValueError(f"unknown id {id!r}: no accepted example has it, export the sheet again")
        if not is_same:
            raise ValueError(f"{id} has changed since the export: export it again and decide about it as it is now")
        kind, label = self._parsed(words, example)
        return Decision(id=id, decision=kind, label=label, note=note, hash=hash)

    def _check_unchanged(self, cells: Mapping[str, str], example: Any) -> None:
        """A person who corrects a label or a text in the sheet must learn that this changes nothing."""
        label, text = cells.get("label"), cells.get("text")
        if label is not None and label.strip().casefold() != example.label.casefold():  # spreadsheets write TRUE
            raise ValueError(f"the label was edited: leave it {example.label}, and decide `relabel {label.strip()}`")
        if text is not None and text.split() != readable(self.task.segments(example)).split():
            raise ValueError("the text was edited, and a sheet takes decisions alone: restore it, and drop or keep it")

    def _parsed(self, words: str, example: Any) -> tuple[Any, str | None]:
        """A decision and its label, if it has one."""
        kind, _, label = words.partition(" ")
        kind, label = kind.casefold(), label.strip()  # spreadsheets write the first letter large
        if kind in ("keep", "drop") and not label:
            return kind, None
        if kind != "relabel" or not label:
            raise ValueError(f"unknown decision {words!r}: write keep, drop or relabel LABEL")
        if label == example.label:
            raise ValueError(f"{example.id} has the label {label} already: write keep, or another label")
        if problem := misfit_as(label, example, self.task, self.schema):
            raise ValueError(f"{example.id} cannot be relabelled: {problem}")
        return kind, label

    def _example(self, id: str) -> Any:
        """The accepted example of an id, or None."""
        method = method_of(id)
        if method not in self._accepted:
            path = self.data / f"accepted/{method}.jsonl"
            known = path in self.data.glob("accepted/*.jsonl")
            read = read_examples(path, self.task, self.schema, empty=True) if known else []
            self._accepted[method] = {example.id: example for example in read}
        return self._accepted[method].get(id)


def _contradiction(decision: Decision, place: Place, earlier: Decision) -> str:
    where = f"line {place}" if isinstance(place, int) else place
    return f"{decision.id} is {decision.words} here and {earlier.words} before ({where}): leave one of the two"


def describe(found: Imported) -> str:
    """What came of a sheet for one method, in a line."""
    counts = ", ".join(f"{found.counts[kind]} {kind}" for kind in ("keep", "drop", "relabel"))
    replaced = f"; changed from an earlier decision: {found.replaced}" if found.replaced else ""
    return f"{found.path}: {counts}{replaced}"
