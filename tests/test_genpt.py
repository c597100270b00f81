"""GenPT: the prompt, the head over its masks, training with it, and its checkpoint."""

import math
import re
from pathlib import Path

import pytest
import torch
import yaml
from hypothesis import given
from transformers import BertConfig, BertForMaskedLM, RobertaConfig, RobertaForMaskedLM

from relseed.classifier.checkpoint import Extractor, load_extractor
from relseed.classifier.encoding import Encoded, encode_all
from relseed.classifier.heads.genpt import InfillingHead, build, infilling_prompt, options, show
from relseed.classifier.inference import answer
from relseed.pipeline.errors import UserError
from relseed.records.files import write_records
from relseed.tasks.relation import TASK, Example, Relation, Schema, Sentence
from relseed.tasks.yes_no import TASK as YES_NO
from relseed.training.encoders import EMBEDDED, load_tokenizer
from stages import finetune
from tests.graph import ROOT
from tests.sentences import sentence
from tests.strategies import sentences

TOKENIZER = load_tokenizer(EMBEDDED)
SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
NAMES = [[7, 8, 9], [8], [20, 7]]


def encode(shown: Sentence, *, num_masks: int, max_length: int = 512, typed: bool = False) -> Encoded:
    """A sentence as a head of so many masks has it encoded."""
    head = InfillingHead(BertConfig(**SIZES), 1, torch.zeros(2, num_masks, dtype=torch.long))
    [encoded] = encode_all(TOKENIZER, [show(TASK, shown, TOKENIZER, head, {"typed": typed})], max_length)
    return encoded


def test_the_prompt_names_head_and_tail_with_their_types_around_the_masks():
    ada = sentence("In Skive lives Ada.", (15, 18, "PERSON"), (3, 8, "STATE_OR_PROVINCE"))
    prompt, starts = infilling_prompt(ada, typed=True, num_masks=2, mask="[MASK]")
    assert prompt == "person Ada [MASK] [MASK] state or province Skive"
    assert [prompt[start:].split()[0] for start in starts] == ["[MASK]"] * 2


@pytest.mark.parametrize(("typed", "expected"), [(False, "Ada <mask> Skive"), (True, "person Ada <mask> Skive")])
def test_a_mention_without_a_type_or_without_its_use_is_named_bare(typed, expected):
    ada = sentence("Ada lives in Skive.", (0, 3, "PERSON"), (13, 18))
    assert infilling_prompt(ada, typed=typed, num_masks=1, mask="<mask>")[0] == expected


@given(sentences())
def test_the_head_reads_the_masks_of_the_prompt_and_none_that_a_sentence_has_itself(shown):
    encoded = encode(shown, num_masks=3, typed=True)
    assert [encoded.ids[at] for at in encoded.positions] == [TOKENIZER.mask_token_id] * 3


def test_a_mention_that_looks_like_a_mask_is_none():
    encoded = encode(sentence("[MASK] met Bo.", (0, 6), (11, 13)), num_masks=2)
    masks = [at for at, token in enumerate(encoded.ids) if token == TOKENIZER.mask_token_id]
    assert encoded.positions == masks[-2:]


def test_a_long_sentence_is_cut_and_its_prompt_is_not():
    long = sentence("pine " * 200 + "Ada met Bo " + "fir " * 100, (1000, 1003), (1008, 1010))
    tokens = TOKENIZER.convert_ids_to_tokens(encode(long, num_masks=3, max_length=40).ids)
    assert len(tokens) == 40
    assert tokens[-7:] == ["[SEP]", "ada", "[MASK]", "[MASK]", "[MASK]", "bo", "[SEP]"]
    assert "met" in tokens


def test_a_task_without_mentions_cannot_have_this_head():
    with pytest.raises(UserError, match="the head genpt shows two mentions, and examples of yes_no have none: take"):
        options(YES_NO, [])


def test_the_prompt_has_as_many_masks_as_the_longest_name_has_tokens(tiny_encoder):
    schema = Schema(
        relations=tuple(Relation(relation=name, definition="") for name in ("left", "lives_in", "per:born"))
    )
    _, head = build(str(tiny_encoder), TOKENIZER, schema, 0.0)
    assert (head.num_masks, head.labels) == (2, 3)  # "lives in", "person born"


def test_a_score_is_the_mean_log_probability_of_the_name_s_tokens_each_at_its_mask():
    torch.manual_seed(0)
    model = BertForMaskedLM(BertConfig(vocab_size=30, **SIZES)).eval()
    head = InfillingHead.from_masked_lm(model, NAMES)
    states = torch.randn(2, 3, 16)
    logits = model.cls(states).double().tolist()
    tokens = sorted({7, 8, 9, 20})
    for rows, scores in zip(logits, head(states).tolist(), strict=True):
        for name, score in zip(NAMES, scores, strict=True):
            log_probs = [
                row[token] - math.log(math.fsum(math.exp(row[other]) for other in tokens))
                for row, token in zip(rows, name, strict=False)
            ]
            assert score == pytest.approx(math.fsum(log_probs) / len(name), abs=1e-4)


def test_the_head_of_a_roberta_is_taken_over_as_that_of_a_bert_is():
    torch.manual_seed(0)
    model = RobertaForMaskedLM(RobertaConfig(vocab_size=30, **SIZES)).eval()
    head = InfillingHead.from_masked_lm(model, [[7], [9]])
    states = torch.randn(4, 1, 16)
    expected = model.lm_head(states)[:, 0, [7, 9]].log_softmax(-1)
    assert torch.allclose(head(states), expected, atol=1e-6)


def test_masks_after_the_end_of_a_name_get_no_gradient_from_it():
    torch.manual_seed(0)
    head = InfillingHead.from_masked_lm(BertForMaskedLM(BertConfig(vocab_size=30, **SIZES)), NAMES)
    states = torch.randn(1, 3, 16, requires_grad=True)
    head(states)[0, 1].backward()
    assert states.grad[0, 0].abs().sum() > 0
    assert states.grad[0, 1:].abs().sum() == 0


RELATIONS = [
    Relation(relation="lives_in", definition="The person lives there.", head_type="PERSON", tail_type="CITY"),
    Relation(relation="left", definition="The person left it.", head_type="PERSON", tail_type="CITY"),
]


def example(number: int, split: str) -> Example:
    relation, verb = [("lives_in", "lives in"), ("left", "left")][number % 2]
    start = len(f"Ada {verb} ")
    ada = sentence(f"Ada {verb} Skive{' now' * (number // 2)}.", (0, 3, "PERSON"), (start, start + 5, "CITY"))
    return Example.model_validate(ada.model_dump() | {"id": f"{split}-{number}", "relation": relation})


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_encoder) -> Path:
    """The stage, run on two relations."""
    folder = tmp_path_factory.mktemp("genpt")
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    entry = {"train": "train.jsonl", "encoder": str(tiny_encoder), "head": "genpt"}
    params["systems"] = {"infilling": params["systems"]["gold"] | entry}
    params["calibrate"] |= {"folds": 0}
    params["finetune"] |= {"max_steps": 90, "eval_steps": 30, "encoder_lr": 3e-3, "head_lr": 1e-2, "batch_size": 8}
    params["finetune"]["precision"] = "fp32"  # the card knows no bf16
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    write_records(folder / "labels.jsonl", RELATIONS)
    for split in ("train", "validation"):
        write_records(folder / f"{split}.jsonl", [example(number, split) for number in range(16)])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
        finetune.main("infilling", Path("labels.jsonl"), Path("validation.jsonl"), Path("extractor"))
    return folder / "extractor/infilling/seed-1"


def predicted(extractor: Extractor, items: list[Sentence]) -> torch.Tensor:
    return torch.from_numpy(answer(extractor, items).probabilities).float()


def test_an_extractor_with_this_head_learns_and_is_loaded_as_it_was(trained):
    extractor = load_extractor(trained, torch.device("cpu"))
    assert extractor.config.head == "genpt"
    assert extractor.config.options == {"typed": True}
    found = predicted(extractor, [example(number, "test") for number in range(16)])
    assert found.argmax(-1).tolist() == [number % 2 for number in range(16)]


def test_the_code_of_its_model_card_agrees_with_it(trained, monkeypatch):
    code = re.search(r"```python\n(.*?)```", (trained / "README.md").read_text(encoding="utf-8"), re.S)[1]
    shown = sentence("Ada Lindqvist grew up in Skagen.", (0, 13, "PERSON"), (25, 31, "LOCATION"))
    monkeypatch.chdir(trained)
    names: dict = {}
    exec(code, names)
    extractor = load_extractor(trained, torch.device("cpu"))
    assert torch.allclose(names["probabilities"], predicted(extractor, [shown])[0], atol=1e-5)
