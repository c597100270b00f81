"""How fast this machine trains, and what memory it takes: sentences per second of `finetune` and `pretrain`.

    python -m benchmarks.hardware                     # the settings of params.yaml
    python -m benchmarks.hardware --batch-size 128
    python -m benchmarks.hardware --large             # an encoder of RoBERTa-large's size

Needs data/seeds, data/synthetic/unleash.jsonl and data/explanations.jsonl (`dvc pull -r published`); neither DVC nor
MLflow is used. What was measured on other machines stays in benchmarks/hardware.json. The large encoder has random
weights, which take as long as any: speed and memory are all that it is good for. Rates are those of the loops of the
two stages, in the precision that the machine has, looks at validation and saved states left out; memory is the most
that torch's allocator held on the GPU.
"""

import json
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any, cast

import torch
from transformers import BertConfig, BertModel
from typer import Option, run

from benchmarks.experiments import keep
from relseed.classifier.marking import Labelled
from relseed.classifier.trainer import Recipe, Trainer
from relseed.classifier.untrained import untrained
from relseed.pipeline.params import section
from relseed.pretraining.corpus import corpus
from relseed.pretraining.model import Pretraining, Vocabulary, anchors
from relseed.pretraining.trainer import Pretrain, Pretrainer
from relseed.records.files import read_records
from relseed.tasks.relation import Example, Schema
from relseed.tasks.relation.files import read_examples, read_schema
from relseed.tasks.relation.written import Explanation
from relseed.training.device import device, has_bf16, seed_everything
from relseed.training.encoders import load_encoder, load_tokenizer
from relseed.training.masked_lm import load_masked_lm
from stages.finetune import Finetune

RESULT = Path("benchmarks/hardware.json")
RELATIONS, SEEDS = Path("data/dataset/relations.jsonl"), Path("data/seeds/train.jsonl")
LARGE = "BERT of RoBERTa-large's size"
WARMUP = 10  # updates outside of the clock: kernels are chosen, memory is taken


def main(
    batch_size: Annotated[int | None, Option(help="sentences in one update; else that of params.yaml")] = None,
    large: Annotated[bool, Option(help="an encoder of RoBERTa-large's size, with random weights")] = False,
    updates: Annotated[int, Option(help="on the clock")] = 100,
) -> None:
    """Measure both stages, and write the figures beside those of other machines."""
    changes = {} if batch_size is None else {"batch_size": batch_size}
    recipe = section(Finetune).model_copy(update={"accumulate": 1, **changes})
    pretrain = section(Pretrain).model_copy(update=changes)
    name = LARGE if large else recipe.encoder
    with tempfile.TemporaryDirectory() as folder:
        if large:
            _save_large(folder, recipe.encoder)
            recipe = recipe.model_copy(update={"encoder": folder})
        row = {
            "machine": _machine(),
            "encoder": name,
            "batch_size": recipe.batch_size,
            "finetune": _measured(recipe.batch_size * updates, _finetuned(recipe, updates)),
            "pretrain": _measured(pretrain.batch_size * updates, _pretrained(pretrain, recipe.encoder, updates)),
        }
    print(json.dumps(row, indent=1))
    keep(RESULT, f"{row['machine']}, {name}, {recipe.batch_size}", row)


def _save_large(folder: str, tokenizer: str) -> None:
    """An encoder of 24 layers that knows the words of `tokenizer`."""
    words = load_tokenizer(tokenizer)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=1024,
        num_hidden_layers=24,
        num_attention_heads=16,
        intermediate_size=4096,
    )
    BertModel(config).save_pretrained(folder)
    words.save_pretrained(folder)


def _machine() -> str:
    where = device()
    name = torch.cuda.get_device_name(where) if where.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    return f"{name}, {'bf16' if has_bf16(where) else 'fp32'}"


def _measured(sentences: int, seconds: float) -> dict[str, float | None]:
    on_gpu = device().type == "cuda"
    return {
        "sentences_per_second": sentences / seconds,
        "gpu_memory_mib": torch.cuda.max_memory_allocated() / 2**20 if on_gpu else None,
    }


def _finetuned(recipe: Recipe, updates: int) -> float:
    """Seconds of a fine-tuning on what `unleash` trains on, after another that warms up."""
    schema = read_schema(RELATIONS)
    paths = (SEEDS, Path("data/synthetic/unleash.jsonl"))
    train = [example for path in paths for example in read_examples(path, schema)]
    _run(recipe, schema, train, WARMUP)
    return _run(recipe, schema, train, updates)


def _run(recipe: Recipe, schema: Schema, train: list[Example], updates: int) -> float:
    """Seconds of a training up to its one look, at one sentence; the state is saved after it."""
    seed_everything(1)
    extractor = untrained(load_encoder(recipe.encoder, dropout=recipe.dropout), recipe, schema, train)
    labelled = extractor.labelled(train)
    once = recipe.model_copy(update={"updates": updates, "evaluate_every": updates})
    _reset()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(extractor.model, once, pad=extractor.pad, seed=1, scratch=Path(folder))
        look = Labelled(labelled.sentences[:1], labelled.classes[:1])
        moments = [time.perf_counter()]
        trainer.train(labelled, look, schema.negative_class, on_look=lambda _: moments.append(time.perf_counter()))
        return moments[-1] - moments[0]


def _pretrained(params: Pretrain, encoder: str, updates: int) -> float:
    """Seconds of a pre-training on the explanations, once it is warm."""
    schema = read_schema(RELATIONS)
    seeds = read_examples(SEEDS, schema)
    told = [one for _, one in read_records(Path("data/explanations.jsonl"), Explanation, cure="pull it")]
    tokenizer = load_tokenizer(encoder)
    texts = corpus(tokenizer, schema, seeds, told, params.max_length)
    seed_everything(1)
    masked_lm, fresh = load_masked_lm(encoder, [text.ids for text in texts], dropout=params.dropout)
    start = anchors(cast(Any, masked_lm).to(device()), tokenizer, schema)
    model = Pretraining(masked_lm, start, temperature=params.temperature, in_batch=params.in_batch)
    total = WARMUP + updates
    longer = params.model_copy(update={"updates": total, "save_every": total + 1})
    moments: list[float] = []
    _reset()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Pretrainer(model, longer, Vocabulary.of(tokenizer), fresh_head=fresh, scratch=Path(folder))
        trainer.train(texts, lambda step: moments.append(time.perf_counter()))
    return moments[-1] - moments[WARMUP - 1]


def _reset() -> None:
    if device().type == "cuda":
        torch.cuda.reset_peak_memory_stats()


if __name__ == "__main__":
    run(main)
