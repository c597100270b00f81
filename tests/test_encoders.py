"""Encoders by name or path: what is loaded, what is an error, where one comes from, and the number format."""

import ast
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BertConfig,
    BertModel,
    DebertaV2Config,
    DebertaV2Model,
    GPT2Config,
    LlamaConfig,
    Qwen2Config,
    RobertaConfig,
    RobertaModel,
    T5Config,
    XLNetConfig,
)

from relseed.llm.engines.seq2seq import load_seq2seq
from relseed.llm.engines.transformers import load_causal_model
from relseed.pipeline.errors import UserError
from relseed.training.device import has_bf16
from relseed.training.encoders import (
    EMBEDDED,
    Origin,
    copy_encoder,
    load_encoder,
    load_tokenizer,
    longest_input,
    origin_of,
    prepared_config,
    write_origin,
)
from tests.graph import ROOT


def test_bf16_is_used_only_where_the_processor_has_tiles_for_it(monkeypatch):
    cpu = torch.device("cpu")
    for flags, expected in (
        ({}, False),
        ({"avx512_f": True}, False),
        ({"avx512_bf16": True}, False),
        ({"amx_bf16": True}, True),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda flags=flags: flags)
        assert has_bf16(cpu) is expected


def test_a_model_that_is_not_there_gives_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(
        UserError, match=r"could not be loaded.*hf download.*`encoder` in params\.yaml.*all-MiniLM-L6-v2"
    ):
        load_encoder(str(tmp_path / "no-model"), dropout=0.1)


def test_an_incomplete_checkpoint_is_an_error_instead_of_filled_with_random_numbers(tmp_path):
    encoder = load_encoder(EMBEDDED)
    encoder.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["encoder.layer.3.output.dense.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"lacks 1 weights \(the first: encoder\.layer\.3\.output\.dense\.weight\)"):
        load_encoder(str(tmp_path))


def test_a_tokenizer_without_its_vocabulary_is_an_error_instead_of_reading_unknown_words(tmp_path):
    load_encoder(EMBEDDED).config.save_pretrained(tmp_path)
    load_tokenizer(EMBEDDED).save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(UserError, match=r"has no words: its tokenizer\.json .* is missing"):
        load_tokenizer(str(tmp_path))


def test_a_copied_encoder_has_the_weights_and_the_words_of_the_first_and_knows_where_it_came_from(tmp_path):
    copy_encoder(EMBEDDED, tmp_path)
    weights, copied = load_encoder(EMBEDDED).state_dict(), load_encoder(str(tmp_path)).state_dict()
    assert all(torch.equal(weight, copied[name]) for name, weight in weights.items())
    assert load_tokenizer(str(tmp_path)).get_vocab() == load_tokenizer(EMBEDDED).get_vocab()
    assert origin_of(str(tmp_path)) == Origin(EMBEDDED)


def test_of_an_encoder_in_a_folder_only_what_it_is_loaded_from_is_copied(tmp_path, tiny_encoder):
    source, target = Path(shutil.copytree(tiny_encoder, tmp_path / "source")), tmp_path / "target"
    for left in ("pytorch_model.bin", "README.md", "optimizer.pt"):
        (source / left).touch()
    target.mkdir()
    copy_encoder(str(source), target)
    assert {path.name for path in target.iterdir()} == {path.name for path in tiny_encoder.iterdir()} | {"origin.json"}


def test_an_encoder_without_safetensors_is_not_copied(tmp_path, tiny_encoder):
    source, target = Path(shutil.copytree(tiny_encoder, tmp_path / "source")), tmp_path / "target"
    (source / "model.safetensors").rename(source / "pytorch_model.bin")
    target.mkdir()
    with pytest.raises(UserError, match="has no weights as safetensors: take one that has, or convert it"):
        copy_encoder(str(source), target)


def test_an_encoder_that_is_not_there_cannot_be_copied(tmp_path):
    with pytest.raises(UserError, match="could not be loaded"):
        copy_encoder(str(tmp_path / "no-model"), tmp_path)


def test_the_origin_of_an_encoder_that_no_stage_wrote_is_itself(tmp_path):
    assert origin_of(str(tmp_path)) == Origin(str(tmp_path))


def test_the_origin_of_a_pre_trained_encoder_names_where_it_started_and_what_it_read(tmp_path):
    origin = Origin(EMBEDDED, "explanations of 120 seeds")
    write_origin(tmp_path, origin)
    assert origin_of(str(tmp_path)) == origin


def test_dropout_is_set_on_hidden_states_and_off_on_attention_weights():
    config = load_encoder(EMBEDDED, dropout=0.3).config
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob) == (0.3, 0.0)


SIZES = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}


def test_an_encoder_that_looks_at_distances_alone_has_no_longest_input():
    config = DebertaV2Config(vocab_size=9, position_biased_input=False, relative_attention=True, **SIZES)
    assert longest_input(DebertaV2Model(config)) is None


def test_an_encoder_with_a_decoder_is_an_error(tmp_path):
    T5Config(vocab_size=9, d_model=8, d_kv=8, d_ff=8, num_layers=1, num_heads=1).save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"is an encoder with a decoder \(t5\)"):
        load_encoder(str(tmp_path))


@pytest.mark.parametrize(
    "encoder",
    [
        BertModel(BertConfig(vocab_size=9, max_position_embeddings=20, **SIZES)),
        RobertaModel(RobertaConfig(vocab_size=9, max_position_embeddings=20, **SIZES)),
    ],
    ids=["BERT", "RoBERTa, which leaves two positions unused"],
)
def test_the_longest_input_fits_and_one_token_more_does_not(encoder):
    longest = longest_input(encoder)
    encoder(input_ids=torch.full((1, longest), 5))
    with pytest.raises((IndexError, RuntimeError)):
        encoder(input_ids=torch.full((1, longest + 1), 5))


EVIL = """
from pathlib import Path
from transformers import PretrainedConfig, PreTrainedModel
Path({marker!r}).touch()
class C(PretrainedConfig):
    model_type = "evil"
class M(PreTrainedModel):
    config_class = C
"""
_CLASSES = ("AutoConfig", "AutoModel", "AutoModelForMaskedLM", "AutoModelForCausalLM", "AutoModelForSeq2SeqLM")


@pytest.mark.parametrize(
    "load",
    [
        lambda folder: load_encoder(folder),
        load_tokenizer,
        lambda folder: load_causal_model(folder, None),
        lambda folder: load_seq2seq(folder, None),
    ],
    ids=["encoder", "tokenizer", "causal", "seq2seq"],
)
def test_a_folder_with_code_of_its_own_is_an_error_and_nobody_is_asked_to_run_it(load, tmp_path, monkeypatch):
    folder, marker = tmp_path / "evil", tmp_path / "has run"
    folder.mkdir()
    own = {name: "evil.C" if name == "AutoConfig" else "evil.M" for name in _CLASSES}
    config = {"model_type": "evil", "auto_map": own | {"AutoTokenizer": ["evil.C", None]}}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "evil.py").write_text(EVIL.format(marker=str(marker)), encoding="utf-8")
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("somebody was asked"))
    with pytest.raises(UserError):
        load(str(folder))
    assert not marker.exists()


def test_no_call_that_loads_a_model_may_run_code_that_comes_with_it():
    for path in sorted((ROOT / "relseed").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            owner = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
            if node.func.attr == "from_pretrained" and owner.startswith("Auto"):
                given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                assert given.get("trust_remote_code") == "False", f"{path}:{node.lineno}"


@pytest.mark.parametrize(
    "config",
    [GPT2Config(), LlamaConfig(), Qwen2Config(), BertConfig(is_decoder=True)],
    ids=lambda config: config.model_type,
)
def test_a_causal_model_is_refused_with_a_cure(tmp_path, config):
    config.save_pretrained(tmp_path)
    with pytest.raises(UserError, match=rf"is a causal model \({config.model_type}\).* Take an encoder, such as"):
        prepared_config(str(tmp_path), 0.1)


@pytest.mark.parametrize(
    "config",
    [BertConfig(), RobertaConfig(), DebertaV2Config(), XLNetConfig(), LlamaConfig(is_causal=False)],
    ids=lambda config: config.model_type,
)
def test_a_model_that_reads_both_ways_is_none(tmp_path, config):
    config.save_pretrained(tmp_path)
    assert prepared_config(str(tmp_path), 0.1).model_type == config.model_type
