"""Score a system's extractors on the untouched test set, beside trivial baselines, and look for contamination of it."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from relseed.classifier.checkpoint import PRETRAINING, Extractor, load_extractor
from relseed.classifier.inference import answer, similarities
from relseed.datasets.draw import Draw
from relseed.evaluation.baselines import baseline_f1
from relseed.evaluation.errors import Labelling, errors_of
from relseed.evaluation.f1 import score
from relseed.evaluation.record import (
    Baseline,
    Decided,
    Evaluation,
    Point,
    Prediction,
    PretrainingStep,
    TestError,
    Wire,
)
from relseed.evaluation.reliability import reliability
from relseed.evaluation.settings import Evaluate
from relseed.evaluation.spread import spread
from relseed.evaluation.summary import aggregate, by_label
from relseed.evaluation.system import System
from relseed.extraction.settings import Extract
from relseed.pipeline.command import Entry, run
from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import output_file
from relseed.pipeline.params import Params
from relseed.quality.duplicates import Contamination, Overlap, overlaps
from relseed.records.files import read_json, read_output
from relseed.tasks.task import Task, load_task, read_examples, read_schema
from relseed.tracking.run import tracked
from relseed.training.device import device


def main(system: Entry, extractors: Path, seeds: Path, dataset: Path, evaluation: Path) -> None:
    """Predict with each random seed's extractor, score, and write."""
    params = Params.read()
    settings, chosen = params.section("evaluate", Evaluate), params.section(f"systems.{system}", System)
    threshold = params.section("contamination", Contamination).near_duplicate
    folder, output = extractors / system, evaluation / f"{system}.json"
    reads = [folder, Path(chosen.train), seeds / "validation.jsonl", seeds / "draw.json"]
    reads += [dataset / f"{name}.jsonl" for name in ("labels", "train", "test", "wire")]
    described = settings.model_dump()
    with tracked("evaluate", params=described, reads=reads, writes=[output], system=system) as log:
        task = load_task(params.value("task"))
        schema = read_schema(dataset / "labels.jsonl", task)
        train, test = (read_examples(dataset / f"{split}.jsonl", task, schema) for split in ("train", "test"))
        learnt = read_examples(Path(chosen.train), task, schema)
        validation = read_examples(seeds / "validation.jsonl", task, schema)
        folders = _one_per_seed(folder)
        loaded = {seed: _loaded(path, schema) for seed, path in folders.items()}
        found = _evaluate(settings, system, folders, loaded, schema, learnt, test)
        found["wire"] = _wire(params, settings, list(loaded.values()), schema, dataset / "wire.jsonl")
        found |= {
            "draw": read_output(seeds / "draw.json", Draw, stage="sample"),
            "baselines": _baselines(settings, task, schema, train, test),
            "contamination": tuple(_contamination(task, threshold, learnt, validation, test)),
        }
        result = Evaluation(**found)
        log.log_metrics(result.scores.model_dump(exclude_none=True))
        with output_file(output) as partial:
            partial.write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _evaluate(
    settings: Evaluate,
    system: str,
    folders: dict[int, Path],
    loaded: dict[int, Extractor],
    schema: Any,
    learnt: list[Any],
    test: list[Any],
) -> dict[str, Any]:
    """What the extractors say of the test set, and the scores of that; folders and extractors by random seed."""
    labellings = [_labelling(seed, extractor, test) for seed, extractor in loaded.items()]
    curves = [Point(seed=seed, **point) for seed in folders for point in read_json(folders[seed] / "history.json")]
    errors = [error for labelling in labellings for error in _errors(loaded[labelling.seed], labelling, learnt, test)]
    config, written = loaded[labellings[0].seed].config, sum(example.method is not None for example in learnt)
    return {
        "system": system,
        "encoder": config.encoder,
        "head": config.head,
        "max_steps": max(point.step for point in curves),
        "random_seeds": tuple(folders),
        "real": len(learnt) - written,
        "written": written,
        "test": len(test),
        **_scores(settings, labellings, schema, test),
        "decisions": tuple(Decided(**asdict(extractor.config.decision)) for extractor in loaded.values()),
        "curves": tuple(curves),
        "pretraining": tuple(_pretraining(folders[labellings[0].seed])),
        "predictions": tuple(_predictions(test, labellings, schema)),
        "errors": tuple(errors),
    }


def _scores(settings: Evaluate, labellings: list[Labelling], schema: Any, test: list[Any]) -> dict[str, Any]:
    """All scores of answers, and of how sure they are."""
    labels, negative, gold = schema.labels, schema.negative, [example.label for example in test]
    predicted = [[labels[answer] for answer in labelling.answers] for labelling in labellings]
    each = [score(gold, answers, labels, negative) for answers in predicted]
    intervals = {"resamples": settings.resamples, "seed": settings.seed}
    return {
        "labels": labels,
        "negative": negative,
        "scores": aggregate(gold, predicted, each, labels=labels, negative=negative, **intervals),
        "reliability": reliability(
            [labels.index(label) for label in gold],
            [labelling.answers for labelling in labellings],
            [labelling.probabilities for labelling in labellings],
            schema.negative_class,
            **intervals,
        ),
        "per_label": tuple(by_label(each)),
        "confusion": tuple(map(tuple, np.sum([scores.confusion for scores in each], axis=0).tolist())),
    }


def _wire(params: Params, settings: Evaluate, extractors: list[Extractor], schema: Any, wire: Path) -> Wire | None:
    """The scores on passages of running text; None where the dataset has none."""
    if not wire.read_text(encoding="utf-8").strip():
        return None
    from relseed.extraction.wire import wire_scores  # late: it loads spaCy
    from relseed.tasks.relation.passages import read_passages

    intervals = {"resamples": settings.resamples, "seed": settings.seed}
    return wire_scores(extractors, read_passages(wire, schema), params.section("extract", Extract), intervals)


def _one_per_seed(folder: Path) -> dict[int, Path]:
    folders = {int(path.name.removeprefix("seed-")): path for path in folder.glob("seed-*")}
    if not folders:
        raise UserError(f"{folder} holds no extractor: build it with `dvc repro finetune@{folder.name}`")
    return dict(sorted(folders.items()))


def _loaded(folder: Path, schema: Any) -> Extractor:
    extractor = load_extractor(folder, device())
    if extractor.schema.labels != schema.labels:
        raise UserError(f"{folder} knows other labels than the dataset: train it again with `dvc repro finetune`")
    return extractor


def _labelling(seed: int, extractor: Extractor, test: list[Any]) -> Labelling:
    answers = answer(extractor, test, desc=f"predict, seed {seed}")
    return Labelling(seed, answers.probabilities, answers.classes)


def _predictions(test: list[Any], labellings: list[Labelling], schema: Any) -> list[Prediction]:
    rows = zip(*(zip(each.answers, each.probabilities.max(-1), strict=True) for each in labellings), strict=True)
    return [
        Prediction(
            id=example.id,
            label=example.label,
            predicted=tuple(schema.labels[answer] for answer, _ in each),
            probability=tuple(round(float(sure), 6) for _, sure in each),
        )
        for example, each in zip(test, rows, strict=True)
    ]


def _errors(extractor: Extractor, labelling: Labelling, learnt: list[Any], test: list[Any]) -> list[TestError]:
    labels = extractor.schema.labels
    wrong = labelling.wrong(labels, test)
    alike = similarities(extractor, [test[at] for at in wrong], learnt)
    return errors_of(extractor.task, labels, labelling, wrong, test, learnt, alike)


def _pretraining(extractor: Path) -> list[PretrainingStep]:
    """The history of the encoder that training started from, if that was pre-trained."""
    history = extractor / PRETRAINING
    return [PretrainingStep(**step) for step in read_json(history)] if history.exists() else []


def _baselines(settings: Evaluate, task: Task, schema: Any, train: list[Any], test: list[Any]) -> dict[str, Baseline]:
    scores = baseline_f1(task, train, test, schema, seed=settings.seed)
    return {name: Baseline(micro_f1=spread([f1])) for name, f1 in scores.items()}


def _contamination(
    task: Task, threshold: float, learnt: list[Any], validation: list[Any], test: list[Any]
) -> list[Overlap]:
    """What of training is in the test set, too, printed as it is found."""
    sources = {
        "seeds": [example for example in learnt if example.method is None],
        "validation": validation,
        "written": [example for example in learnt if example.method is not None],
    }
    found = []
    for name, source in sources.items():
        found += overlaps({name: source, "test": test}, task.text, threshold=threshold)
        print(found[-1].summary())
    return found


if __name__ == "__main__":
    run(main)
