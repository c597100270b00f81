"""What pre-training does to the embeddings of the words that carry a relation: a probe of every encoder of a study.

    python -m benchmarks.probe tkre-pretraining    (after `python -m benchmarks.study run tkre-pretraining`)

Writes benchmarks/probe.json. Each sentence of validation with a positive relation gives one embedding: the mean of the
last states of the words between its mentions, the relation span of pre-training where nobody explained.
Nothing is trained: a relation is told by the nearest mean embedding of its seeds.
"""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from sklearn.metrics import accuracy_score
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import NearestCentroid
from sklearn.preprocessing import normalize
from typer import Argument, run

from benchmarks.study import experiment, read_study
from relseed.pipeline.params import section
from relseed.pretraining.corpus import alone
from relseed.pretraining.trainer import Pretrain
from relseed.tasks.relation import Example, Schema
from relseed.tasks.relation.files import read_examples, read_schema
from relseed.training.encoders import load_encoder, load_tokenizer

RESULT = Path("benchmarks/probe.json")


def main(study: Annotated[str, Argument(help="a study of pre-training: a name in benchmarks/studies")]) -> None:
    """Probe the encoder of each variant on the study's first draw, which must be that of the workspace."""
    chosen = read_study(study)
    schema = read_schema(Path("data/dataset/relations.jsonl"))
    seeds, validation = (
        [one for one in read_examples(Path(f"data/seeds/{part}.jsonl"), schema) if _positive(schema, one)]
        for part in ("train", "validation")
    )
    found = {}
    for variant in chosen.variants:
        with tempfile.TemporaryDirectory() as folder:
            encoder = f"{folder}/encoder"
            revision = experiment(study, variant, chosen.draws[0])
            command = ["dvc", "get", "-q", ".", f"models/pretrained/{chosen.system}", "--rev", revision, "-o", encoder]
            subprocess.run(command, check=True)
            found[variant] = probe(encoder, schema, seeds, validation)
    RESULT.write_text(json.dumps({"study": study, "variants": found}, indent=1) + "\n", encoding="utf-8")


def probe(encoder: str, schema: Schema, seeds: Sequence[Example], validation: Sequence[Example]) -> dict[str, float]:
    """How well the embeddings tell relations apart.

    within, between: mean cosine of two sentences of one relation, and of two relations. nearest: share of sentences of
    `validation` whose relation is that of the nearest mean of `seeds`.
    """
    (known, told), (asked, right) = (embeddings(encoder, schema, part) for part in (seeds, validation))
    cosines = cosine_similarity(asked)
    same = np.equal.outer(right, right)
    others = ~np.eye(len(right), dtype=bool)
    nearest = NearestCentroid().fit(known, told).predict(asked)
    return {
        "within": float(cosines[same & others].mean()),
        "between": float(cosines[~same].mean()),
        "nearest": float(accuracy_score(right, nearest)),
    }


@torch.no_grad()
def embeddings(encoder: str, schema: Schema, sentences: Sequence[Example]) -> tuple[np.ndarray, list[str]]:
    """The embeddings of the relation spans, of length one, [spans, width], and the relation of each.

    A sentence whose mentions leave no words to carry the relation has none.
    """
    model, tokenizer = load_encoder(encoder).eval(), load_tokenizer(encoder)
    means, relations = [], []
    for sentence in sentences:
        text = alone(tokenizer, schema, sentence, section(Pretrain).max_length)
        if text.span is not None:
            states = model(input_ids=torch.tensor([text.ids])).last_hidden_state[0]
            means.append(states[slice(*text.span)].mean(0).numpy())
            relations.append(sentence.relation)
    return normalize(np.stack(means)), relations


def _positive(schema: Schema, one: Example) -> bool:
    return not schema.by_label[one.relation].negative


if __name__ == "__main__":
    run(main)
