"""What pre-training does to the embeddings of the words that carry a relation: a probe of every encoder of a study.

    python -m benchmarks.probe tkre-pretraining    (after `python -m benchmarks.study run tkre-pretraining`)

Writes benchmarks/probe.json. Each sentence of validation with a positive relation gives one embedding: the mean of the
last states of the words between its mentions, the relation span of pre-training where nobody explained.
Nothing is trained: a relation is predicted by the nearest mean embedding of its seeds.
"""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from sklearn.metrics import accuracy_score
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import NearestCentroid
from sklearn.preprocessing import normalize
from transformers import PreTrainedTokenizerBase
from typer import Argument, run

from benchmarks.results import read_results
from benchmarks.study import RECENT, commit_of, experiment, finished, read_study
from relseed.evaluation.system import System
from relseed.pipeline.params import Params
from relseed.pretraining.corpus import trigger_span
from relseed.pretraining.spans import mentions
from relseed.tasks.relation import TASK, Example, Schema
from relseed.tasks.relation.tags import Span
from relseed.tasks.task import read_examples, read_schema
from relseed.training.encoders import load_encoder, load_tokenizer

RESULT = Path("benchmarks/probe.json")


def main(study: Annotated[str, Argument(help="a study of pre-training: a name in benchmarks/studies")]) -> None:
    """Probe the encoder of each variant on the study's first draw, which must be that of the workspace."""
    chosen, done = read_study(study), finished(RECENT)
    revisions = {variant: done.get(experiment(study, variant, chosen.draws[0])) for variant in chosen.variants}
    if missing := [variant for variant, revision in revisions.items() if revision is None]:
        raise SystemExit(f"not run: {', '.join(missing)}. Run `python -m benchmarks.study run {study}` before")
    schema = read_schema(Path("data/dataset/labels.jsonl"), TASK)
    seeds, validation = (_positive(schema, Path(f"data/seeds/{part}.jsonl")) for part in ("train", "validation"))
    path = Params.read().section(f"systems.{chosen.systems[0]}", System).encoder
    found: dict[str, Any] = {}
    for variant, revision in revisions.items():
        with tempfile.TemporaryDirectory() as folder:
            encoder = f"{folder}/encoder"
            subprocess.run(["dvc", "get", "-q", ".", path, "--rev", str(revision), "-o", encoder], check=True)
            found[variant] = probe(encoder, schema, seeds, validation) | {"commit": commit_of(str(revision))}
    before = read_results(RESULT)
    variants = found | (before["variants"] | found if before.get("study") == study else {})
    RESULT.write_text(json.dumps({"study": study, "variants": variants}, indent=1) + "\n", encoding="utf-8")


def _positive(schema: Schema, path: Path) -> list[Example]:
    return [example for example in read_examples(path, TASK, schema) if example.label != schema.negative]


def probe(encoder: str, schema: Schema, seeds: Sequence[Example], validation: Sequence[Example]) -> dict[str, float]:
    """How well the embeddings tell relations apart.

    within, between: mean cosine of two sentences of one relation, and of two relations. nearest: share of sentences of
    `validation` whose relation is that of the nearest mean of `seeds`.
    """
    (known, learnt), (unknown, gold) = (embeddings(encoder, schema, part) for part in (seeds, validation))
    cosines = cosine_similarity(unknown)
    same = np.equal.outer(gold, gold)
    others = ~np.eye(len(gold), dtype=bool)
    nearest = NearestCentroid().fit(known, learnt).predict(unknown)
    return {
        "within": float(cosines[same & others].mean()),
        "between": float(cosines[~same].mean()),
        "nearest": float(accuracy_score(gold, nearest)),
    }


@torch.no_grad()
def embeddings(encoder: str, schema: Schema, sentences: Sequence[Example]) -> tuple[np.ndarray, list[str]]:
    """The embeddings of the relation spans, of length one, [spans, width], and the relation of each.

    A sentence whose mentions leave no words to carry the relation has none.
    """
    model, tokenizer = load_encoder(encoder).eval(), load_tokenizer(encoder)
    means, relations = [], []
    for sentence in sentences:
        ids, span = span_tokens(tokenizer, schema, sentence)
        if span is not None:
            states = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
            means.append(states[slice(*span)].mean(0).numpy())
            relations.append(sentence.relation)
    return normalize(np.stack(means)), relations


def span_tokens(tokenizer: PreTrainedTokenizerBase, schema: Schema, sentence: Example) -> tuple[list[int], Span | None]:
    """A sentence as token ids, and where in them its relation span is, end exclusive; None where it has none."""
    batch = tokenizer(sentence.text, return_offsets_mapping=True)
    span = trigger_span(schema, sentence, trigger="")
    if span is None:
        return batch["input_ids"], None
    named = mentions(sentence)
    inside = [
        at
        for at, (token, part) in enumerate(zip(batch["offset_mapping"], batch.sequence_ids(), strict=True))
        if part == 0 and _overlap(token, span) and not any(_overlap(token, mention) for mention in named)
    ]
    return batch["input_ids"], (inside[0], inside[-1] + 1) if inside else None


def _overlap(first: Span, second: Span) -> bool:
    return first[0] < second[1] and second[0] < first[1]


if __name__ == "__main__":
    run(main)
