"""How fast this machine trains, and what memory it takes: sentences per second of `finetune` and `pretrain`.

    python -m benchmarks.hardware                     # the settings of params.yaml
    python -m benchmarks.hardware --batch-size 128
    python -m benchmarks.hardware --large             # an encoder of RoBERTa-large's size

Needs data/seeds, data/training/batch.jsonl and data/explanations.jsonl (`dvc pull -r published`); neither DVC nor
MLflow is used. What was measured on other machines stays in benchmarks/hardware.json. The large encoder has random
weights, which take as long as any: speed and memory are all that it is good for. Rates are those of the loops of the
two stages, in the precision that the machine has, evaluations and saved states left out; memory is the most that
torch's allocator held on the GPU.
"""

import json
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any, cast

import torch
from transformers import BertConfig, BertModel
from typer import Option, run

from benchmarks.results import update_results
from relseed.classifier.encoding import EncodedDataset
from relseed.classifier.trainer import Objective, Trainer, TrainingConfig
from relseed.classifier.training import new_extractor
from relseed.explanations.explanation import Explanation
from relseed.pipeline.params import Params
from relseed.pretraining.corpus import corpus
from relseed.pretraining.model import Pretraining, Vocabulary, anchors
from relseed.pretraining.trainer import Pretrainer, PretrainingConfig
from relseed.records.files import read_records
from relseed.tasks.relation import TASK, Example, Schema
from relseed.tasks.task import read_examples, read_schema
from relseed.training.device import device, has_bf16, seed_everything
from relseed.training.encoders import load_tokenizer
from relseed.training.masked_lm import load_masked_lm
from stages.finetune import Finetune

RESULT = Path("benchmarks/hardware.json")
LABELS, SEEDS = Path("data/dataset/labels.jsonl"), Path("data/seeds/train.jsonl")
TRAIN, EXPLANATIONS = Path("data/training/batch.jsonl"), Path("data/explanations.jsonl")
LARGE = "BERT of RoBERTa-large's size"
WARMUP = 10  # steps outside of the clock: kernels are chosen, memory is taken


def main(
    batch_size: Annotated[int | None, Option(help="sentences in one step; else that of params.yaml")] = None,
    large: Annotated[bool, Option(help="an encoder of RoBERTa-large's size, with random weights")] = False,
    steps: Annotated[int, Option(help="on the clock")] = 100,
) -> None:
    """Measure both stages, and write the figures beside those of other machines."""
    params, changes = Params.read(), {} if batch_size is None else {"batch_size": batch_size}
    finetune = params.section("finetune", Finetune).model_copy(update={"gradient_accumulation_steps": 1, **changes})
    pretrain = params.section("encoders.explained", PretrainingConfig).model_copy(update=changes)
    encoder = start = str(params.value("encoder"))
    with tempfile.TemporaryDirectory() as folder:
        if large:
            encoder, start = LARGE, folder
            _save_large(folder, str(params.value("encoder")))
        result = {
            "machine": _machine(),
            "encoder": encoder,
            "batch_size": finetune.batch_size,
            "finetune": _measured(finetune.batch_size * steps, _finetune(finetune, start, steps)),
            "pretrain": _measured(pretrain.batch_size * steps, _pretrain(pretrain, start, steps)),
        }
    print(json.dumps(result, indent=1))
    update_results(RESULT, f"{result['machine']}, {encoder}, {finetune.batch_size}", result)


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


def _finetune(config: TrainingConfig, start: str, steps: int) -> float:
    """Seconds of a fine-tuning on what `unleash` trains on, after another that warms up."""
    schema = read_schema(LABELS, TASK)
    train = read_examples(TRAIN, TASK, schema)
    _train(config, start, schema, train, WARMUP)
    return _train(config, start, schema, train, steps)


def _train(config: TrainingConfig, start: str, schema: Schema, train: list[Example], steps: int) -> float:
    """Seconds of a training up to its one evaluation, on one sentence; the state is saved after it."""
    seed_everything(1)
    once = config.model_copy(update={"max_steps": steps, "eval_steps": steps})
    extractor = new_extractor(start, "typed_marker", once, TASK, schema, train)
    encoded = extractor.encode_dataset(train)
    single = EncodedDataset(encoded.examples[:1], encoded.classes[:1], encoded.about[:1])
    _reset()
    with tempfile.TemporaryDirectory() as folder:
        objective = Objective(extractor.loss, schema.negative_class)
        trainer = Trainer(extractor.model, once, objective, pad=extractor.pad, seed=1, folder=Path(folder))
        moments = [time.perf_counter()]
        trainer.train(encoded, single, on_eval=lambda _: moments.append(time.perf_counter()))
        return moments[-1] - moments[0]


def _pretrain(config: PretrainingConfig, start: str, steps: int) -> float:
    """Seconds of a pre-training on the explanations, after the first steps."""
    schema, tokenizer = read_schema(LABELS, TASK), load_tokenizer(start)
    explanations = [explanation for _, explanation in read_records(EXPLANATIONS, Explanation, cure="pull it")]
    texts = corpus(tokenizer, schema, read_examples(SEEDS, TASK, schema), explanations, config.max_length)
    seed_everything(1)
    masked_lm, fresh = load_masked_lm(start, [text.ids for text in texts], dropout=config.dropout)
    first = anchors(cast(Any, masked_lm).to(device()), tokenizer, schema)
    model = Pretraining(masked_lm, first, temperature=config.temperature)
    total = WARMUP + steps
    longer = config.model_copy(update={"max_steps": total, "save_steps": total + 1})
    moments: list[float] = []
    _reset()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Pretrainer(model, longer, Vocabulary.of(tokenizer), fresh_head=fresh, folder=Path(folder))
        trainer.train(texts, lambda step: moments.append(time.perf_counter()))
    return moments[-1] - moments[WARMUP - 1]


def _reset() -> None:
    if device().type == "cuda":
        torch.cuda.reset_peak_memory_stats()


if __name__ == "__main__":
    run(main)
