"""An extractor with typed markers that has learnt nothing yet."""

from collections.abc import Sequence

from transformers import PreTrainedModel

from relseed.classifier.checkpoint import About, Extractor
from relseed.classifier.heads import MarkerHead
from relseed.classifier.marking import has_types
from relseed.classifier.model import RelationClassifier
from relseed.classifier.trainer import Recipe
from relseed.tasks.relation import Example, Schema
from relseed.training.device import device
from relseed.training.encoders import load_tokenizer


def untrained(encoder: PreTrainedModel, recipe: Recipe, schema: Schema, train: Sequence[Example]) -> Extractor:
    """`encoder` under a fresh head with typed markers, whatever `recipe.head` says; typed if `train` has types."""
    head = MarkerHead(encoder.config.hidden_size, len(schema.labels), dropout=recipe.dropout)
    about = About(recipe.encoder, "typed_marker", False, recipe.max_length, has_types(train), recipe.precision)
    model = RelationClassifier(encoder, head).to(device())
    return Extractor(model, load_tokenizer(recipe.encoder), schema, about)
