"""An extractor with typed markers that has learnt nothing yet."""

from collections.abc import Sequence

from transformers import PreTrainedModel

from stages.extractor.checkpoint import About, Extractor
from stages.extractor.classifier import RelationClassifier
from stages.extractor.encoders import load_tokenizer
from stages.extractor.hardware import device
from stages.extractor.heads import MarkerHead
from stages.extractor.marking import has_types
from stages.extractor.training import Recipe
from stages.records.example import Example, Schema


def untrained(encoder: PreTrainedModel, recipe: Recipe, schema: Schema, train: Sequence[Example]) -> Extractor:
    """`encoder` under a fresh head with typed markers, whatever `recipe.head` says; typed if `train` has types."""
    head = MarkerHead(encoder.config.hidden_size, len(schema.labels), dropout=recipe.dropout)
    about = About(recipe.encoder, "typed_marker", False, recipe.max_length, has_types(train), recipe.precision)
    model = RelationClassifier(encoder, head).to(device())
    return Extractor(model, load_tokenizer(recipe.encoder), schema, about)
