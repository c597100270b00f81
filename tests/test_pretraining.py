"""Pre-training on explanations: masks, losses, gradients, the fresh head, the loop, the stage."""

import json
import math
import socket
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from transformers import AutoModel, AutoModelForMaskedLM

from relseed.pipeline.errors import UserError
from relseed.pretraining import trainer as loop
from relseed.pretraining.corpus import Kind, Text
from relseed.pretraining.losses import mslm_loss, scl_loss
from relseed.pretraining.masks import IGNORED, hidden, negative_span
from relseed.pretraining.model import Pretraining, Vocabulary, anchors, batch_of
from relseed.pretraining.trainer import Pretrain, Pretrainer, Step
from relseed.tasks.relation import Relation, Schema
from relseed.training.device import seed_everything
from relseed.training.encoders import EMBEDDED, load_encoder, load_tokenizer
from relseed.training.masked_lm import load_masked_lm
from stages import pretrain as stage
from tests.conftest import ENVIRONMENT
from tests.graph import ROOT

CPU = torch.device("cpu")
MASK, PAD = 103, 0
WORDS = Vocabulary(PAD, MASK, list(range(1000, 2000)))
SCHEMA = Schema(relations=(Relation(relation="owns", definition=""), Relation(relation="rows_to", definition="")))
S, W, M, R = Kind.SPECIAL, Kind.OTHER, Kind.MENTION, Kind.RELATION
PARAMS = Pretrain(
    mode="joint", masking="spans", mslm=1.0, scl=1.0, temperature=0.1, in_batch=False, written=False, frozen=0,
    max_length=32, updates=6, batch_size=4, encoder_lr=1e-3, head_lr=1e-2,
    weight_decay=0.01, warmup=0.1, clip=1.0, dropout=0.1, save_every=2,
    precision="fp32", seed=1,
)  # fmt: skip


def text(relation: int = 0, first: int = 1000, *, span: bool = True) -> Text:
    """[CLS], a mention, three other words, a relation span of two, a mention, two other words, [SEP]."""
    kinds = [S, M, W, W, W, R, R, M, W, W, S]
    ids = [101, *range(first, first + 9), 102]
    return Text(ids, kinds, relation, (5, 7) if span else None)


TEXTS = [text(number % 2, 1000 + 20 * number) for number in range(8)]
IDS = [one.ids for one in TEXTS]


@pytest.mark.parametrize(("kind", "rate"), [(R, 0.8), (M, 0.5), (W, 0.2), (S, 0.0)])
def test_tokens_are_hidden_at_the_rate_of_their_kind(kind, rate):
    count = 10_000
    shown, labels = hidden([1500] * count, [kind] * count, "spans", MASK, WORDS.words, np.random.default_rng(0))
    chosen = sum(label != IGNORED for label in labels)
    assert abs(chosen / count - rate) <= 4 * math.sqrt(rate * (1 - rate) / count)
    assert [one == MASK for one in shown] == [label == 1500 for label in labels]


def test_masking_as_bert_does_it_hides_fifteen_percent_of_all_words_in_three_ways():
    count = 10_000
    kinds = [R, M, W, S] * (count // 4)
    shown, labels = hidden([1500] * count, kinds, "bert", MASK, WORDS.words, np.random.default_rng(0))
    chosen = [one for one, label in zip(shown, labels, strict=True) if label != IGNORED]
    words = count * 3 // 4
    assert abs(len(chosen) / words - 0.15) <= 4 * math.sqrt(0.15 * 0.85 / words)
    shares = [chosen.count(MASK), chosen.count(1500), sum(one not in (MASK, 1500) for one in chosen)]
    for share, rate in zip(shares, (0.8, 0.1, 0.1), strict=True):
        assert abs(share / len(chosen) - rate) <= 4 * math.sqrt(rate * (1 - rate) / len(chosen))
    assert all(label == IGNORED for label, kind in zip(labels, kinds, strict=True) if kind is S)
    assert all(one == 1500 for one, label in zip(shown, labels, strict=True) if label == IGNORED)


def test_a_wrong_span_is_as_long_as_the_right_one_and_holds_nothing_but_other_words():
    kinds = [S, M, W, W, W, R, R, M, W, W, S]
    drawn = {negative_span(kinds, 2, np.random.default_rng(seed)) for seed in range(50)}
    assert drawn == {(2, 4), (3, 5), (8, 10)}
    assert negative_span(kinds, 4, np.random.default_rng(0)) is None


def test_a_text_without_room_for_a_wrong_span_takes_no_part_in_the_contrast():
    crowded = Text([101, 7, 8, 9, 102], [S, M, R, M, S], 0, (2, 3))
    batch = batch_of([crowded, text(1), text(span=False)], WORDS, "spans", np.random.default_rng(0), CPU)
    assert (batch.rows, batch.relations.tolist(), batch.positive) == ([1], [1], [(5, 7)])


def test_shorter_texts_are_padded_and_their_padding_is_neither_seen_nor_told():
    batch = batch_of([text(), Text([101, 7, 102], [S, W, S], 0, None)], WORDS, "spans", np.random.default_rng(0), CPU)
    assert batch.ids[1, 3:].tolist() == [PAD] * 8
    assert batch.attention.tolist() == [[1] * 11, [1] * 3 + [0] * 8]
    assert set(batch.labels[1, 3:].tolist()) == {IGNORED}


def test_mslm_is_the_sum_of_its_definition():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(7, 50, generator=generator)
    labels = torch.randint(50, (7,), generator=generator)
    rows = logits.double().tolist()
    told = [
        math.log(math.exp(row[y]) / math.fsum(map(math.exp, row))) for row, y in zip(rows, labels.tolist(), strict=True)
    ]
    assert mslm_loss(logits, labels, texts=3, longest=32).item() == pytest.approx(-math.fsum(told) / 32 / 3, rel=1e-5)


def cosine(a: list[float], b: list[float]) -> float:
    return math.fsum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)


@pytest.mark.parametrize("in_batch", [False, True])
def test_scl_is_equation_6_with_the_positives_of_other_relations_as_negatives_if_asked(in_batch):
    generator = torch.Generator().manual_seed(1)
    anchor, positive, negative = (torch.randn(4, 6, generator=generator) for _ in range(3))
    relations = [0, 1, 0, 2]
    a, p, n = (one.double().tolist() for one in (anchor, positive, negative))
    terms = []
    for i in range(4):
        wrong = [n[i]] + [p[j] for j in range(4) if in_batch and relations[j] != relations[i]]
        near, far = math.exp(cosine(a[i], p[i]) / 0.1), [math.exp(cosine(a[i], one) / 0.1) for one in wrong]
        terms.append(-math.log(near / (near + math.fsum(far))))
    loss = scl_loss(anchor, positive, negative, 0.1, torch.tensor(relations) if in_batch else None)
    assert loss.item() == pytest.approx(math.fsum(terms) / 4, rel=1e-5)


def test_scl_of_no_spans_is_zero_and_can_be_trained_on():
    none = torch.zeros(0, 6, requires_grad=True)
    loss = scl_loss(none, none, none, 0.1)
    loss.backward()
    assert loss.item() == 0


def model(tiny_encoder: Path, **changes) -> tuple[Pretraining, bool]:
    seed_everything(1)
    masked_lm, fresh = load_masked_lm(str(tiny_encoder), IDS, dropout=0.0)
    start = anchors(masked_lm, load_tokenizer(str(tiny_encoder)), SCHEMA)
    return Pretraining(masked_lm, start, **{"temperature": 0.1, "in_batch": False, **changes}), fresh


def reached(own: Pretraining, loss: torch.Tensor) -> set[str]:
    """The parameters that a loss has a gradient for, other than nothing."""
    own.zero_grad()
    loss.backward(retain_graph=True)
    return {name for name, one in own.named_parameters() if one.grad is not None and one.grad.abs().sum() > 0}


def test_each_loss_reaches_what_it_should_and_nothing_else(tiny_encoder):
    own, _ = model(tiny_encoder)
    mslm, scl = own(batch_of(TEXTS, WORDS, "spans", np.random.default_rng(0), CPU), 32)
    by_mslm, by_scl = reached(own, mslm), reached(own, scl)
    layers = {name for name, _ in own.named_parameters() if ".encoder.layer." in name and not name.endswith("key.bias")}
    assert layers <= by_mslm & by_scl  # a key's bias moves no attention weight
    assert "relations.weight" in by_scl - by_mslm
    head = {name for name, _ in own.named_parameters() if ".cls." in name}
    assert head
    assert head <= by_mslm - by_scl
    assert "masked_lm.bert.embeddings.word_embeddings.weight" in by_mslm & by_scl


def test_only_the_relations_of_a_batch_move_their_anchors(tiny_encoder):
    own, _ = model(tiny_encoder)
    _, scl = own(batch_of([text(1)], WORDS, "spans", np.random.default_rng(0), CPU), 32)
    scl.backward()
    assert own.relations.weight.grad[0].abs().sum() == 0
    assert own.relations.weight.grad[1].abs().sum() > 0


def test_a_fresh_head_is_tied_to_the_embeddings_and_begins_with_the_frequencies_of_its_texts(tiny_encoder):
    own, fresh = model(tiny_encoder)
    assert fresh
    assert own.masked_lm.get_output_embeddings().weight is own.masked_lm.get_input_embeddings().weight
    logits = own.head(torch.zeros(1, 32))[0].detach()
    assert logits[[101, 102]].min() > logits[[1000, 1188]].max() > logits[[5000]].max()
    shares = logits.softmax(-1)
    assert shares[101].item() == pytest.approx(8 / sum(len(one.ids) for one in TEXTS), rel=0.8)


def test_the_head_that_a_checkpoint_has_is_kept(tiny_encoder, tmp_path):
    own, _ = model(tiny_encoder)
    torch.nn.init.constant_(own.masked_lm.cls.predictions.transform.dense.bias, 0.25)
    own.masked_lm.save_pretrained(tmp_path)
    kept, fresh = load_masked_lm(str(tmp_path), IDS, dropout=0.0)
    assert not fresh
    assert kept.cls.predictions.transform.dense.bias.tolist() == [0.25] * 32


def test_a_model_without_such_a_head_is_refused(tmp_path, tiny_encoder):
    with pytest.raises(UserError, match="could not be loaded"):
        load_masked_lm(str(tmp_path), IDS, dropout=0.0)


def test_an_anchor_begins_as_the_mean_state_of_its_relation_s_name(tiny_encoder):
    encoder, words = load_encoder(str(tiny_encoder)).eval(), load_tokenizer(str(tiny_encoder))
    masked_lm, _ = load_masked_lm(str(tiny_encoder), IDS, dropout=0.0)
    states = encoder(**words("rows to", return_tensors="pt")).last_hidden_state[0, 1:-1]
    assert torch.allclose(anchors(masked_lm, words, SCHEMA)[1], states.mean(0), atol=1e-6)


def trained(tiny_encoder: Path, scratch: Path, told: list[Step] | None = None, **changes) -> tuple[list[Step], dict]:
    own, fresh = model(tiny_encoder)
    params = PARAMS.model_copy(update=changes)
    seen: list[Step] = [] if told is None else told
    steps = Pretrainer(own, params, WORDS, fresh_head=fresh, scratch=scratch).train(TEXTS, seen.append)
    return steps, own.state_dict()


def test_both_losses_fall(tiny_encoder, tmp_path):
    steps, _ = trained(tiny_encoder, tmp_path, updates=30, encoder_lr=1e-2, head_lr=3e-2)
    early, late = steps[:5], steps[-5:]
    for loss in ("mslm", "scl"):
        assert sum(getattr(step, loss) for step in late) < 0.9 * sum(getattr(step, loss) for step in early)


def test_an_interrupted_pre_training_goes_on_and_ends_with_the_same_weights(tiny_encoder, tmp_path):
    whole, weights = trained(tiny_encoder, tmp_path / "whole")
    told: list[Step] = []

    def stop(step: Step) -> None:
        told.append(step)
        if step.update == 5:
            raise KeyboardInterrupt

    own, fresh = model(tiny_encoder)
    with pytest.raises(KeyboardInterrupt):
        Pretrainer(own, PARAMS, WORDS, fresh_head=fresh, scratch=tmp_path / "cut").train(TEXTS, stop)
    again: list[Step] = []
    steps, resumed = trained(tiny_encoder, tmp_path / "cut", again)
    assert [step.update for step in told] == [1, 2, 3, 4, 5]
    assert steps == again == whole
    assert all(torch.equal(resumed[name], weight) for name, weight in weights.items())


@pytest.mark.parametrize(
    ("mode", "expected"), [("joint", [(1.0, 0.5)] * 4), ("sequential", [(1.0, 0.0)] * 2 + [(1.0, 0.5)] * 2)]
)
def test_sequential_pre_training_begins_with_mslm_alone(mode, expected):
    params = PARAMS.model_copy(update={"mode": mode, "updates": 4, "scl": 0.5})
    assert [params.weights(update) for update in (1, 2, 3, 4)] == expected


def test_a_loss_of_weight_zero_moves_nothing(tiny_encoder, tmp_path):
    _, weights = trained(tiny_encoder, tmp_path, scl=0.0, weight_decay=0.0)
    assert torch.equal(weights["relations.weight"], model(tiny_encoder)[0].relations.weight)


def test_a_loss_that_is_no_number_ends_the_training_with_its_cure(tiny_encoder, tmp_path):
    with pytest.raises(UserError, match=r"not a number at update \d+: lower pretrain\.encoder_lr"):
        trained(tiny_encoder, tmp_path, encoder_lr=1e30, head_lr=1e30, clip=1e30, updates=6)


def test_frozen_layers_stay_as_they_are_and_the_ones_above_learn(tiny_encoder, tmp_path):
    _, weights = trained(tiny_encoder, tmp_path, frozen=1)
    start = model(tiny_encoder)[0].state_dict()
    moved = {name for name, weight in weights.items() if not torch.equal(weight, start[name])}
    assert not any(".embeddings." in name or ".layer.0." in name for name in moved)
    assert any(".layer.1." in name for name in moved)


def test_more_frozen_layers_than_there_are_are_refused(tiny_encoder, tmp_path):
    with pytest.raises(UserError, match=r"pretrain\.frozen is 3, the encoder has 2 layers: lower it"):
        trained(tiny_encoder, tmp_path, frozen=3)


ARGUMENTS = ("tkre", "relations.jsonl", "seeds.jsonl", "explanations.jsonl", "synthetic.jsonl")


def project(folder: Path, **changes) -> Path:
    """Two seeds of each relation and their explanations, in a folder in which the stage runs."""
    folder.mkdir(exist_ok=True)
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["pretrain"] |= {"updates": 4, "batch_size": 4, "save_every": 1, **changes}
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    seeds, told = [], []
    for relation in ("owns", "rows_to"):
        for number in range(2):
            name, verb = f"{relation}-{number}", relation.replace("_", " ")
            tail = len(f"Ada often {verb} ")
            spans = {"head": {"start": 0, "end": 3}, "tail": {"start": tail, "end": tail + 3}}
            seeds.append(
                {"id": name, "text": f"Ada often {verb} Ulm and Rome, they say.", "relation": relation, **spans}
            )
            why = {"text": f"That Ada {verb} Ulm is said in so many words.", "trigger": verb}
            told.append({"id": f"explain/{name}/0", "seed": name, "relation": relation, **why})
    written = [one | {"id": f"{one['id']}/written"} for one in seeds]
    files = {"relations": SCHEMA.model_dump()["relations"], "seeds": seeds, "explanations": told, "synthetic": written}
    for name, records in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    return folder


def run_in(folder: Path, encoder: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    stage.main(ARGUMENTS[0], encoder, *map(Path, ARGUMENTS[1:]), Path("pretrained"))
    return folder / "pretrained"


def test_the_stage_writes_an_encoder_that_loads_like_any_other_with_its_head_and_its_history(
    tiny_encoder, tmp_path, monkeypatch, capsys
):
    written = run_in(project(tmp_path), str(tiny_encoder), monkeypatch)
    assert "4 texts, 4 with a relation span" in capsys.readouterr().out
    encoder, plain = load_encoder(str(written)), AutoModel.from_pretrained(written)
    assert torch.equal(encoder.embeddings.word_embeddings.weight, plain.embeddings.word_embeddings.weight)
    _, report = AutoModelForMaskedLM.from_pretrained(written, output_loading_info=True)
    assert not report["missing_keys"]
    assert load_tokenizer(str(written)).tokenize("rows to") == ["rows", "to"]
    assert [step["update"] for step in json.loads((written / "history.json").read_text())] == [1, 2, 3, 4]
    assert not list((tmp_path / ".scratch").glob("pretrain-*"))


def test_the_written_sentences_are_texts_too_if_asked(tiny_encoder, tmp_path, monkeypatch, capsys):
    run_in(project(tmp_path, written=True), str(tiny_encoder), monkeypatch)
    assert "8 texts, 8 with a relation span" in capsys.readouterr().out


def test_a_window_that_is_longer_than_the_encoder_s_positions_is_an_error_that_names_both(
    tiny_encoder, tmp_path, monkeypatch
):
    with pytest.raises(UserError, match=r"pretrain\.max_length is 600, .* takes 512 tokens: lower it"):
        run_in(project(tmp_path, max_length=600), str(tiny_encoder), monkeypatch)
    assert not (tmp_path / "pretrained").exists()


def test_without_updates_the_encoder_stays_as_it_is(tiny_encoder, tmp_path, monkeypatch):
    written = load_encoder(str(run_in(project(tmp_path, updates=0), str(tiny_encoder), monkeypatch))).state_dict()
    before = load_encoder(str(tiny_encoder)).state_dict()
    shared = [name for name in before if not name.startswith("pooler.")]
    assert all(torch.equal(before[name], written[name]) for name in shared)


def test_two_processes_share_the_work_and_one_of_them_writes(tiny_encoder, warm, tmp_path):
    project(tmp_path)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    command = ["python", "-m", "stages.pretrain", ARGUMENTS[0], str(tiny_encoder), *ARGUMENTS[1:], "pretrained"]
    # What `accelerate launch` sets for each process.
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "true"}
    (tmp_path / "stages").symlink_to(ROOT / "stages")
    both = [
        subprocess.Popen(
            command, cwd=tmp_path, stderr=subprocess.PIPE, text=True,
            env=ENVIRONMENT | warm | common | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]  # fmt: skip
    errors = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    assert [step["update"] for step in json.loads((tmp_path / "pretrained/history.json").read_text())] == [1, 2, 3, 4]
    assert load_encoder(str(tmp_path / "pretrained")).config.hidden_size == 32


def test_more_processes_than_texts_in_a_batch_are_an_error_that_names_both(tiny_encoder, tmp_path, monkeypatch):
    monkeypatch.setattr(loop.Accelerator, "num_processes", 8)
    own, fresh = model(tiny_encoder)
    with pytest.raises(UserError, match=r"pretrain\.batch_size is 4, and 8 processes share each batch"):
        Pretrainer(own, PARAMS, WORDS, fresh_head=fresh, scratch=tmp_path)


def test_the_embedded_encoder_has_its_head_made_and_says_so():
    masked_lm, fresh = load_masked_lm(EMBEDDED, IDS, dropout=0.0)
    assert fresh
    assert masked_lm.cls.predictions.decoder.weight is masked_lm.bert.embeddings.word_embeddings.weight
