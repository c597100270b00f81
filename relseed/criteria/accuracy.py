"""Extractors that learnt from the seeds alone, cross-fitted, as judges of what a weak generator wrote.

Each sentence is judged by as many extractors as there are folds, each trained on the seeds outside of its fold and
chosen on those in it: what counts is the mean of their probabilities.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedKFold

from relseed.classifier.checkpoint import Extractor
from relseed.classifier.inference import probabilities
from relseed.classifier.trainer import Look, Recipe, Trainer
from relseed.classifier.untrained import untrained
from relseed.tasks.relation import Example, Schema
from relseed.training.device import seed_everything
from relseed.training.encoders import load_encoder


def cross_fitted(
    recipe: Recipe,
    schema: Schema,
    seeds: Sequence[Example],
    sentences: Sequence[Example],
    *,
    seed: int,
    scratches: Sequence[Path],
    on_look: Callable[[int, Look], None],
) -> np.ndarray:
    """The probability of each relation for each of `sentences`, [sentences, labels].

    There are as many folds as `scratches`, folders for the state of a training.
    """
    total = np.zeros((len(sentences), len(schema.labels)), dtype=np.float64)
    labels = [one.relation for one in seeds]
    splits = StratifiedKFold(len(scratches), shuffle=True, random_state=seed).split(labels, labels)
    for fold, (inside, outside) in enumerate(splits):
        extractor = _fitted(
            recipe,
            schema,
            [seeds[at] for at in inside],
            [seeds[at] for at in outside],
            seed=seed,
            scratch=scratches[fold],
            on_look=partial(on_look, fold),
        )
        encoded = [extractor.encode(one) for one in sentences]
        total += probabilities(extractor.model, encoded, extractor.pad, recipe.precision, desc=f"judge, fold {fold}")
    return total / len(scratches)


def _fitted(
    recipe: Recipe,
    schema: Schema,
    train: Sequence[Example],
    validation: Sequence[Example],
    *,
    seed: int,
    scratch: Path,
    on_look: Callable[[Look], None],
) -> Extractor:
    """An extractor with typed markers, whatever head the systems have: the quickest judge."""
    seed_everything(seed)
    extractor = untrained(load_encoder(recipe.encoder, dropout=recipe.dropout), recipe, schema, train)
    trainer = Trainer(extractor.model, recipe, pad=extractor.pad, seed=seed, scratch=scratch)
    trainer.train(
        extractor.labelled(train), extractor.labelled(validation), negative=schema.negative_class, on_look=on_look
    )
    return extractor
