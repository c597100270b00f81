"""Label sentences with a trained extractor."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from relseed.classifier.checkpoint import Extractor, load_extractor
from relseed.classifier.inference import probabilities
from relseed.classifier.marking import untyped
from relseed.pipeline.errors import UserError
from relseed.records.files import DataError, problem_of, read_json_lines, write_records
from relseed.tasks.relation import Sentence
from relseed.tasks.relation.tags import untag
from relseed.training.device import device


def main(
    tagged: list[str] | None,
    extractor: Path,
    head_type: str | None,
    tail_type: str | None,
    input: Path | None,
    output: Path | None,
) -> None:
    """Label sentences, each with a probability for every relation; types are those of every head and tail."""
    if bool(tagged) == bool(input) or bool(input) != bool(output):
        raise UserError("give sentences, or --input and --output: see `relseed predict --help`")
    types = {"head": head_type, "tail": tail_type}
    if input and output:
        sentences = [_sentence(values, types, input, number) for number, values in read_json_lines(input)]
        if not sentences:
            raise DataError(input, None, "holds no sentence")
        write_records(output, _label(load_extractor(extractor, device()), sentences))
    else:
        sentences = [_typed(_untag(text), types) for text in tagged or ()]
        for sentence in _label(load_extractor(extractor, device()), sentences):
            _show(sentence)


def _untag(text: str) -> Sentence:
    try:
        return untag(text)
    except ValueError as error:
        raise UserError(f"{text!r}: {error}") from None


def _sentence(values: dict[str, Any], types: dict[str, str | None], path: Path, number: int) -> Sentence:
    try:
        if "head" not in values and "tail" not in values:
            spans = untag(str(values.get("text", ""))).model_dump(exclude_unset=True)
            values = values | spans
        return _typed(Sentence.model_validate(values), types)
    except ValidationError as error:
        raise DataError(path, number, problem_of(error)) from None
    except ValueError as error:
        raise DataError(path, number, str(error)) from None


def _typed(sentence: Sentence, types: dict[str, str | None]) -> Sentence:
    given = {role: kind for role, kind in types.items() if kind is not None}
    return sentence.model_copy(
        update={role: getattr(sentence, role).model_copy(update={"type": kind}) for role, kind in given.items()}
    )


def _label(extractor: Extractor, sentences: list[Sentence]) -> list[Sentence]:
    """The sentences with `predicted` and `probabilities`."""
    if extractor.about.typed and (bare := untyped(sentences)):
        # On Gazette's validation split, bare markers beat the mean over the type pairs of the schema.
        print(f"note: sentences without the entity types that training had: {bare}", file=sys.stderr)
    encoded = [extractor.encode(sentence) for sentence in sentences]
    desc = "predict" if len(encoded) > 100 else None
    each = probabilities(extractor.model, encoded, extractor.pad, extractor.about.precision, desc=desc)
    return [_labelled(extractor, sentence, row) for sentence, row in zip(sentences, each, strict=True)]


def _labelled(extractor: Extractor, sentence: Sentence, row: np.ndarray) -> Sentence:
    labels = extractor.schema.labels
    result = {label: round(float(value), 6) for label, value in zip(labels, row, strict=True)}
    return Sentence.model_validate(
        sentence.model_dump(exclude_unset=True) | {"predicted": labels[int(row.argmax())], "probabilities": result}
    )


def _show(sentence: Sentence) -> None:
    values = sentence.model_dump()
    print(f"{values['predicted']}  {sentence.head.within(sentence.text)} -> {sentence.tail.within(sentence.text)}")
    for label, value in sorted(values["probabilities"].items(), key=lambda entry: -entry[1]):
        print(f"  {value:.3f}  {label}")
