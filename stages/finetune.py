"""Train the extractor of a system: one per training seed, the best look at validation kept.

Reads    data/dataset/relations.jsonl; data/seeds: train.jsonl and validation.jsonl; data/synthetic/<system>.jsonl;
         models/pretrained/<system>: an encoder, or an empty file for a system that starts from finetune.encoder
Writes   models/extractor/<system>/seed-<n>: weights, tokenizer, model card, history of the training
Alone    python -m stages.finetune gold data/dataset/relations.jsonl data/seeds data/synthetic/gold.jsonl
         models/pretrained/gold models/extractor/gold

An interrupted run goes on where it was, and ends with the bytes of an uninterrupted one: its state
lies in .scratch, in a folder named after everything that determines the result.
"""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import cast

from pydantic import Field, NonNegativeInt, field_validator
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relseed.classifier.checkpoint import PRETRAINING, About, Extractor, save_extractor
from relseed.classifier.heads import InfillingHead, MarkerHead
from relseed.classifier.marking import has_types, untyped
from relseed.classifier.model import RelationClassifier
from relseed.classifier.trainer import Look, Recipe, Trainer
from relseed.generation.mixture import hybrid
from relseed.pipeline.command import run
from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import output_folder
from relseed.pipeline.params import section
from relseed.tasks.relation import Example, Schema, identity
from relseed.tasks.relation.files import read_examples, read_schema
from relseed.tracking.run import Run, tracked
from relseed.training.device import device, seed_everything
from relseed.training.encoders import load_encoder, load_tokenizer, longest_input
from relseed.training.masked_lm import load_masked_lm
from relseed.training.resume import locked, state_folder


class Finetune(Recipe):
    """The recipe, and how often to follow it."""

    training_seeds: list[NonNegativeInt] = Field(min_length=1)  # one extractor each

    @field_validator("training_seeds")
    @classmethod
    def _differ(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("a training seed is there twice")
        return seeds


def main(system: str, relations: Path, seeds: Path, synthetic: Path, pretrained: Path, extractor: Path) -> None:
    """Train one extractor per training seed and write them side by side."""
    params = section(Finetune)
    schema = read_schema(relations)
    real, written, validation = (
        read_examples(path, schema, empty=path == synthetic)
        for path in (seeds / "train.jsonl", synthetic, seeds / "validation.jsonl")
    )
    train = [*(real if hybrid(system) else ()), *written]
    if not train:
        raise UserError(
            f"{system} has nothing to train on: set hybrid.{system} to true, or let it take written sentences"
        )
    start = _start(pretrained, params)
    seeded = len(train) - len(written)
    print(f"{system} starts from {start} and trains on {seeded} seeds and {len(written)} written sentences")
    if has_types(train) and (bare := untyped(train)):
        print(f"note: {bare} of {len(train)} sentences have a mention without an entity type: its markers are bare")
    scratches = {seed: _scratch(params, start, seed, schema, train, validation) for seed in params.training_seeds}
    with (
        locked(scratches.values()),
        tracked(
            "finetune",
            params=params.model_dump(),
            reads=[relations, seeds / "train.jsonl", seeds / "validation.jsonl", synthetic, pretrained],
            writes=[extractor],
            system=system,
        ) as log,
        output_folder(extractor) as folder,
    ):
        for seed, scratch in scratches.items():
            result, looks = _train(params, start, seed, schema, train, validation, scratch, log)
            _write(result, looks, folder / f"seed-{seed}")
            if result.about.pretrained:
                shutil.copyfile(pretrained / "history.json", folder / f"seed-{seed}" / PRETRAINING)


def _start(pretrained: Path, params: Finetune) -> str:
    """The encoder that training starts from, as a name or a folder."""
    if pretrained.is_dir():
        return str(pretrained)
    if pretrained.stat().st_size:
        raise UserError(f"{pretrained} is neither an encoder nor empty: see the README on systems of your own")
    return params.encoder


def _scratch(
    recipe: Recipe, start: str, seed: int, schema: Schema, train: list[Example], validation: list[Example]
) -> Path:
    return state_folder(
        "finetune",
        start,
        recipe=recipe.model_dump(include=set(Recipe.model_fields)),
        seed=seed,
        relations=schema.model_dump(),
        draw=identity(train, validation),
    )


def _train(
    params: Finetune,
    start: str,
    seed: int,
    schema: Schema,
    train: list[Example],
    validation: list[Example],
    scratch: Path,
    log: Run,
) -> tuple[Extractor, list[Look]]:
    seed_everything(seed)
    tokenizer = load_tokenizer(start)
    model = _classifier(params, start, tokenizer, schema)
    _check_length(params, model.encoder)
    about = About(
        params.encoder, params.head, start != params.encoder, params.max_length, has_types(train), params.precision
    )
    extractor = Extractor(model.to(device()), tokenizer, schema, about)
    trainer = Trainer(extractor.model, params, pad=extractor.pad, seed=seed, scratch=scratch)
    looks = trainer.train(
        extractor.labelled(train),
        extractor.labelled(validation),
        negative=schema.negative_class,
        on_look=lambda look: log.log_metrics(
            {f"loss/seed-{seed}": look.loss, f"validation_micro_f1/seed-{seed}": look.micro_f1}, step=look.update
        ),
    )
    return extractor, looks


def _classifier(params: Finetune, start: str, tokenizer: PreTrainedTokenizerBase, schema: Schema) -> RelationClassifier:
    """The encoder with the head that `finetune.head` names."""
    if params.head == "typed_marker":
        encoder = load_encoder(start, dropout=params.dropout)
        width = encoder.config.hidden_size
        return RelationClassifier(encoder, MarkerHead(width, len(schema.labels), dropout=params.dropout))
    names = [tokenizer(relation.name, add_special_tokens=False)["input_ids"] for relation in schema.relations]
    masked_lm, _ = load_masked_lm(start, names, dropout=params.dropout)
    head = InfillingHead.from_masked_lm(masked_lm, names)
    return RelationClassifier(cast(PreTrainedModel, masked_lm.base_model), head)


def _check_length(params: Finetune, encoder: PreTrainedModel) -> None:
    longest = longest_input(encoder)
    if longest is not None and params.max_length > longest:
        raise UserError(
            f"finetune.max_length is {params.max_length}, {params.encoder} takes {longest} tokens: lower it"
        )


def _write(extractor: Extractor, looks: list[Look], folder: Path) -> None:
    folder.mkdir()
    save_extractor(extractor, folder)
    history = json.dumps([asdict(look) for look in looks], indent=2)
    (folder / "history.json").write_text(history + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
