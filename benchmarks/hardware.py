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
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, cast

import torch
from transformers import BertConfig, BertModel
from typer import Option, run

from stages.extractor.checkpoint import About, Extractor
from stages.extractor.classifier import RelationClassifier
from stages.extractor.encoders import load_encoder, load_tokenizer
from stages.extractor.hardware import device, has_bf16, seed_everything
from stages.extractor.heads import MarkerHead
from stages.extractor.marking import Labelled, has_types
from stages.extractor.masked_lm import load_masked_lm
from stages.extractor.training import Recipe, Trainer
from stages.finetune import Finetune
from stages.pipeline.params import section
from stages.pretraining.corpus import corpus
from stages.pretraining.loop import Pretrain, Pretrainer
from stages.pretraining.model import Pretraining, Vocabulary, anchors
from stages.records.files import read_examples, read_records, read_schema
from stages.records.written import Explanation

RESULT = Path("benchmarks/hardware.json")
RELATIONS, SEEDS = Path("data/dataset/relations.jsonl"), Path("data/seeds")
LARGE = "BERT of RoBERTa-large's size"
WARMUP = 10  # updates outside of the clock: kernels are chosen, memory is taken


def main(
    batch_size: Annotated[int | None, Option(help="sentences in one update; else that of params.yaml")] = None,
    large: Annotated[bool, Option(help="an encoder of RoBERTa-large's size, with random weights")] = False,
    updates: Annotated[int, Option(help="on the clock")] = 100,
) -> None:
    """Measure both stages, and write the figures beside those of other machines."""
    with ExitStack() as stack:
        params = section(Finetune)
        encoder = _large(stack.enter_context(tempfile.TemporaryDirectory()), params.encoder) if large else None
        changes: dict[str, Any] = {} if batch_size is None else {"batch_size": batch_size}
        recipe = params.model_copy(update={**changes, **({"encoder": encoder} if encoder else {}), "accumulate": 1})
        pretrain = section(Pretrain).model_copy(update=changes)
        row = {
            "machine": _machine(),
            "encoder": LARGE if large else params.encoder,
            "batch_size": recipe.batch_size,
            "finetune": _measured(recipe.batch_size, *_finetuned(recipe, updates)),
            "pretrain": _measured(pretrain.batch_size, *_pretrained(pretrain, recipe.encoder, updates)),
        }
    print(json.dumps(row, indent=1))
    known = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else []
    same = ("machine", "encoder", "batch_size")
    rows = [one for one in known if any(one[key] != row[key] for key in same)] + [row]
    rows.sort(key=lambda one: [str(one[key]).zfill(9) for key in same])
    RESULT.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _large(folder: str, tokenizer: str) -> str:
    """The folder, with an encoder of 24 layers in it that knows the words of `tokenizer`."""
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
    return folder


def _machine() -> str:
    where = device()
    name = torch.cuda.get_device_name(where) if where.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    return f"{name}, {'bf16' if has_bf16(where) else 'fp32'}"


def _measured(batch_size: int, updates: int, seconds: float) -> dict[str, float | None]:
    on_gpu = device().type == "cuda"
    return {
        "sentences_per_second": updates * batch_size / seconds,
        "gpu_memory_mib": torch.cuda.max_memory_allocated() / 2**20 if on_gpu else None,
    }


def _finetuned(recipe: Recipe, updates: int) -> tuple[int, float]:
    """Fine-tune on what `unleash` trains on; the updates, and the seconds they took."""
    schema = read_schema(RELATIONS)
    train = read_examples(SEEDS / "train.jsonl", schema)
    train += read_examples(Path("data/synthetic/unleash.jsonl"), schema)
    _run(recipe, schema, train, WARMUP)
    return updates, _run(recipe, schema, train, updates)


def _run(recipe: Recipe, schema: Any, train: list[Any], updates: int) -> float:
    """Seconds of a training up to its one look, at one sentence; the state is saved after it."""
    seed_everything(1)
    encoder = load_encoder(recipe.encoder, dropout=recipe.dropout)
    head = MarkerHead(encoder.config.hidden_size, len(schema.labels), dropout=recipe.dropout)
    about = About(recipe.encoder, recipe.head, False, recipe.max_length, has_types(train), recipe.precision)
    model = RelationClassifier(encoder, head).to(device())
    extractor = Extractor(model, load_tokenizer(recipe.encoder), schema, about)
    labelled = extractor.labelled(train)
    once = recipe.model_copy(update={"updates": updates, "evaluate_every": updates})
    _reset()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(model, once, pad=extractor.pad, seed=1, scratch=Path(folder))
        look = Labelled(labelled.sentences[:1], labelled.classes[:1])
        moments = [time.perf_counter()]
        trainer.train(labelled, look, schema.negative_class, on_look=lambda _: moments.append(time.perf_counter()))
        return moments[-1] - moments[0]


def _pretrained(params: Pretrain, encoder: str, updates: int) -> tuple[int, float]:
    """Pre-train on the explanations; the updates on the clock, and the seconds they took."""
    schema = read_schema(RELATIONS)
    seeds = read_examples(SEEDS / "train.jsonl", schema)
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
    return updates, moments[-1] - moments[WARMUP - 1]


def _reset() -> None:
    if device().type == "cuda":
        torch.cuda.reset_peak_memory_stats()


if __name__ == "__main__":
    run(main)
