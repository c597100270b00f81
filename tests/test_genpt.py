"""GenPT: the prompt, the head over its hidden places, training with it, and its checkpoint."""

import json
import math
import re
from pathlib import Path

import pytest
import torch
import yaml
from hypothesis import given
from transformers import BertConfig, BertForMaskedLM, RobertaConfig, RobertaForMaskedLM

from relseed.classifier.checkpoint import Extractor, load_extractor
from relseed.classifier.heads import InfillingHead
from relseed.classifier.inference import probabilities
from relseed.classifier.marking import encode, mark, prompt
from relseed.records.files import write_records
from relseed.tasks.relation import Example, Sentence
from relseed.tasks.relation.tags import untag
from relseed.training.encoders import EMBEDDED, load_tokenizer
from stages import finetune
from tests.graph import ROOT
from tests.sentences import sentence
from tests.strategies import sentences

WORDS = load_tokenizer(EMBEDDED)
SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
NAMES = [[7, 8, 9], [8], [20, 7]]


def test_the_prompt_names_head_and_tail_with_their_types_around_the_hidden_places():
    one = sentence("In Skive lives Ada.", (15, 18, "PERSON"), (3, 8, "STATE_OR_PROVINCE"))
    asked = prompt(one, typed=True, places=2, mask="[MASK]")
    assert asked.text == "person Ada [MASK] [MASK] state or province Skive"
    assert [asked.text[place:].split()[0] for place in asked.places] == ["[MASK]"] * 2


def test_without_types_the_prompt_is_bare():
    one = sentence("Ada lives in Skive.", (0, 3, "PERSON"), (13, 18))
    assert prompt(one, typed=False, places=1, mask="<mask>").text == "Ada <mask> Skive"
    assert prompt(one, typed=True, places=1, mask="<mask>").text == "person Ada <mask> Skive"


@given(sentences())
def test_the_head_reads_the_hidden_places_and_no_mask_that_a_sentence_has_itself(one):
    asked = prompt(one, typed=True, places=3, mask=WORDS.mask_token)
    encoded = encode(WORDS, mark(one, typed=True), 512, asked)
    assert [encoded.ids[at] for at in encoded.at] == [WORDS.mask_token_id] * 3


def test_a_mention_that_looks_like_a_hidden_place_is_none():
    one = sentence("[MASK] met Bo.", (0, 6), (11, 13))
    encoded = encode(WORDS, mark(one, typed=False), 64, prompt(one, typed=False, places=2, mask="[MASK]"))
    masks = [at for at, token in enumerate(encoded.ids) if token == WORDS.mask_token_id]
    assert encoded.at == masks[-2:]


def test_a_long_sentence_is_cut_and_its_prompt_is_not():
    one = sentence("pine " * 200 + "Ada met Bo " + "fir " * 100, (1000, 1003), (1008, 1010))
    encoded = encode(WORDS, mark(one, typed=False), 40, prompt(one, typed=False, places=3, mask="[MASK]"))
    tokens = WORDS.convert_ids_to_tokens(encoded.ids)
    assert len(tokens) == 40
    assert tokens[-7:] == ["[SEP]", "ada", "[MASK]", "[MASK]", "[MASK]", "bo", "[SEP]"]
    assert "met" in tokens


def test_a_score_is_the_mean_log_probability_of_the_name_s_tokens_each_in_its_place():
    torch.manual_seed(0)
    model = BertForMaskedLM(BertConfig(vocab_size=30, **SIZES)).eval()
    head = InfillingHead.from_masked_lm(model, NAMES)
    states = torch.randn(2, 3, 16)
    logits = model.cls(states).double().tolist()
    tokens = sorted({7, 8, 9, 20})
    for sentence_, scores in zip(logits, head(states).tolist(), strict=True):
        for name, score in zip(NAMES, scores, strict=True):
            told = [
                row[token] - math.log(math.fsum(math.exp(row[one]) for one in tokens))
                for row, token in zip(sentence_, name, strict=False)
            ]
            assert score == pytest.approx(math.fsum(told) / len(name), abs=1e-4)


def test_the_head_of_a_roberta_is_taken_over_as_that_of_a_bert_is():
    torch.manual_seed(0)
    model = RobertaForMaskedLM(RobertaConfig(vocab_size=30, **SIZES)).eval()
    head = InfillingHead.from_masked_lm(model, [[7], [9]])
    states = torch.randn(4, 1, 16)
    expected = model.lm_head(states)[:, 0, [7, 9]].log_softmax(-1)
    assert torch.allclose(head(states), expected, atol=1e-6)


def test_places_behind_a_name_s_end_get_no_gradient_from_it():
    torch.manual_seed(0)
    head = InfillingHead.from_masked_lm(BertForMaskedLM(BertConfig(vocab_size=30, **SIZES)), NAMES)
    states = torch.randn(1, 3, 16, requires_grad=True)
    head(states)[0, 1].backward()
    assert states.grad[0, 0].abs().sum() > 0
    assert states.grad[0, 1:].abs().sum() == 0


RELATIONS = (
    {"relation": "lives_in", "definition": "The person lives there.", "head_type": "PERSON", "tail_type": "CITY"},
    {"relation": "left", "definition": "The person left it.", "head_type": "PERSON", "tail_type": "CITY"},
)


def _example(number: int, split: str) -> Example:
    relation, verb = [("lives_in", "lives in"), ("left", "left")][number % 2]
    one = typed(f"<e1>Ada</e1> {verb} <e2>Skive</e2>{' now' * (number // 2)}.", "PERSON", "CITY")
    return Example.model_validate(one.model_dump() | {"id": f"{split}-{number}", "relation": relation})


def typed(tagged: str, head_type: str, tail_type: str) -> Sentence:
    fields = untag(tagged).model_dump()
    return Sentence.model_validate(
        {**fields, "head": fields["head"] | {"type": head_type}, "tail": fields["tail"] | {"type": tail_type}}
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_encoder) -> Path:
    """The stage, run on two relations."""
    folder = tmp_path_factory.mktemp("genpt")
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["finetune"] |= {"encoder": str(tiny_encoder), "head": "genpt", "updates": 90, "evaluate_every": 30}
    params["finetune"] |= {"encoder_lr": 3e-3, "head_lr": 1e-2, "batch_size": 8}
    params["hybrid"] = {"own": True}
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    (folder / "seeds").mkdir()
    (folder / "relations.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in RELATIONS), encoding="utf-8")
    for split in ("train", "validation"):
        write_records(folder / f"seeds/{split}.jsonl", [_example(number, split) for number in range(16)])
    for empty in ("synthetic.jsonl", "pretrained"):
        (folder / empty).touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
        files = ("relations.jsonl", "seeds", "synthetic.jsonl", "pretrained", "extractor")
        finetune.main("own", *map(Path, files))
    return folder / "extractor/seed-1"


def answers(extractor: Extractor, examples: list[Example]) -> torch.Tensor:
    encoded = [extractor.encode(one) for one in examples]
    return torch.from_numpy(probabilities(extractor.model, encoded, extractor.pad, "fp32"))


def test_an_extractor_with_this_head_learns_and_is_loaded_as_it_was(trained):
    extractor = load_extractor(trained, torch.device("cpu"))
    assert extractor.about.head == "genpt"
    examples = [_example(number, "test") for number in range(16)]
    assert answers(extractor, examples).argmax(-1).tolist() == [number % 2 for number in range(16)]


def test_the_code_of_its_model_card_agrees_with_it(trained, monkeypatch):
    code = re.search(r"```python\n(.*?)```", (trained / "README.md").read_text(encoding="utf-8"), re.S)[1]
    one = typed("<e1>Ada Lindqvist</e1> grew up in <e2>Skagen</e2>.", "PERSON", "LOCATION")
    monkeypatch.chdir(trained)
    names: dict = {}
    exec(code, names)
    extractor = load_extractor(trained, torch.device("cpu"))
    assert torch.allclose(names["probabilities"], answers(extractor, [one])[0], atol=1e-5)
