"""Input marking, batches, exact shortcuts and loading of the extractor."""

from collections import Counter
from itertools import islice

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, processors
from tokenizers.pre_tokenizers import ByteLevel
from torch import nn
from transformers import (
    BertConfig,
    BertModel,
    DebertaV2Config,
    DebertaV2Model,
    DistilBertConfig,
    DistilBertModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
    T5Config,
)

from relseed.classifier.marking import encode, has_types, mark, untyped
from relseed.classifier.model import Batch, RelationClassifier
from relseed.pipeline.errors import UserError
from relseed.training.batches import bucketed, by_length
from relseed.training.device import has_bf16
from relseed.training.dropout import ByteDropout
from relseed.training.encoders import EMBEDDED, load_encoder, load_tokenizer, longest_input
from relseed.training.trimmed_embedding import restore, trim
from tests.sentences import marker_classifier, sentence


@pytest.fixture(scope="session")
def tokenizer():
    return load_tokenizer(EMBEDDED)


def test_typed_markers_name_the_types_in_words_and_follow_zhou_and_chen():
    one = sentence("Ada Holm lives in Skive.", (0, 8, "PERSON"), (18, 23, "STATE_OR_PROVINCE"))
    assert mark(one, typed=True).text == "@ * person * Ada Holm @ lives in # ^ state or province ^ Skive # ."


def test_markers_without_types_are_bare():
    one = sentence("Ada Holm lives in Skive.", (0, 8), (18, 23))
    assert mark(one, typed=False).text == "@ Ada Holm @ lives in # Skive # ."


def test_the_tail_may_stand_before_the_head():
    one = sentence("In Skive lives Ada.", (15, 18, "PERSON"), (3, 8, "CITY"))
    marked = mark(one, typed=True)
    assert marked.text == "In # ^ city ^ Skive # lives @ * person * Ada @ ."
    assert (marked.text[marked.head], marked.text[marked.tail]) == ("@", "#")


def test_a_mention_inside_a_word_gets_markers_of_its_own():
    marked = mark(sentence("a 12-pack of-ale", (5, 9), (13, 16)), typed=False)
    assert marked.text == "a 12- @ pack @ of- # ale # "


def test_adjacent_mentions_keep_their_markers_apart():
    assert mark(sentence("oak table", (0, 3), (4, 9)), typed=False).text == "@ oak @ # table # "


@st.composite
def marked_sentences(draw):
    text = draw(st.text(st.characters(codec="utf-8"), min_size=4, max_size=60))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), min_size=4, max_size=4)))
    first, second = (cuts[0], cuts[1]), (cuts[2], cuts[3])
    words = [text[slice(*span)] for span in (first, second)]
    if any(not word or word != word.strip() for word in words):
        text, first, second = f"{text} fir tree", (len(text) + 1, len(text) + 4), (len(text) + 5, len(text) + 9)
    return sentence(text, *((first, second) if draw(st.booleans()) else (second, first)))


@given(marked_sentences(), st.booleans())
def test_marker_offsets_point_at_the_markers_whatever_the_text(one, typed):
    marked = mark(one, typed=typed)
    assert marked.text[marked.head :].startswith(f"@ {one.head.within(one.text)}")
    assert marked.text[marked.tail :].startswith(f"# {one.tail.within(one.text)}")


@given(marked_sentences())
def test_marker_tokens_are_the_markers_even_where_the_text_holds_such_characters(tokenizer, one):
    encoded = encode(tokenizer, mark(one, typed=False), 512)
    assert tokenizer.convert_ids_to_tokens([encoded.ids[at] for at in encoded.at]) == ["@", "#"]


def test_a_long_sentence_is_cut_to_a_window_that_keeps_both_mentions(tokenizer):
    text = "pine " * 200 + "Ada met Bo " + "fir " * 100
    encoded = encode(tokenizer, mark(sentence(text, (1000, 1003), (1008, 1010)), typed=False), 32)
    tokens = tokenizer.convert_ids_to_tokens(encoded.ids)
    assert len(tokens) == 32
    head, tail = encoded.at
    assert tokens[head : head + 2] == ["@", "ada"]
    assert tokens[tail : tail + 3] == ["#", "bo", "#"]
    assert (tokens[0], tokens[-1]) == ("[CLS]", "[SEP]")


def test_the_window_uses_the_room_on_the_other_side_when_a_mention_stands_at_an_end(tokenizer):
    text = "Ada met Bo " + "fir " * 100
    tokens = encode(tokenizer, mark(sentence(text, (0, 3), (8, 10)), typed=False), 32).ids
    assert len(tokens) == 32


def test_mentions_further_apart_than_the_window_are_refused_with_the_cure(tokenizer):
    far = sentence("Ada " + "fir " * 100 + "Bo", (0, 3), (404, 406))
    with pytest.raises(ValueError, match=r"too far apart for finetune\.max_length: raise it"):
        encode(tokenizer, mark(far, typed=False), 32)


@pytest.fixture(scope="module")
def bytewise():
    """A tokenizer of bytes, as RoBERTa's is for characters that it has not seen: several tokens for one character."""
    words = Tokenizer(models.BPE(vocab={letter: n for n, letter in enumerate(ByteLevel.alphabet())}, merges=[]))
    words.pre_tokenizer = ByteLevel(add_prefix_space=False)
    words.post_processor = processors.ByteLevel(trim_offsets=True)
    words.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=words)


@pytest.mark.parametrize(("text", "at"), [("Ada met Bo today \U0001f642", 0), ("\U0001f642\U0001f642 Ada met Bo", 3)])
@pytest.mark.parametrize("short_by", range(1, 7))
def test_characters_of_several_tokens_are_cut_off_whole(bytewise, text, at, short_by):
    marked = mark(sentence(text, (at, at + 3), (at + 8, at + 10)), typed=False)
    room = len(bytewise(marked.text)["input_ids"]) - short_by
    encoded = encode(bytewise, marked, room)
    assert len(encoded.ids) <= room
    assert bytewise.decode(encoded.ids).strip(" \U0001f642").startswith("@ Ada @ met # Bo #")


def test_blanks_that_have_tokens_of_their_own_are_cut_as_words_are(bytewise):
    text = "Ada met Bo" + "  now" * 30
    encoded = encode(bytewise, mark(sentence(text, (0, 3), (8, 10)), typed=False), 40)
    assert 36 <= len(encoded.ids) <= 40


def test_sentences_count_as_typed_if_any_mention_is_and_those_that_lack_a_type_are_counted():
    half, bare = sentence("a b", (0, 1, "X"), (2, 3)), sentence("a b", (0, 1), (2, 3))
    assert has_types([half, bare])
    assert not has_types([bare])
    assert untyped([half, bare, sentence("a b", (0, 1, "X"), (2, 3, "Y"))]) == 2


def test_a_mention_without_a_type_gets_bare_markers_beside_one_that_has_one():
    assert mark(sentence("a b", (0, 1, "X"), (2, 3)), typed=True).text == "@ * x * a @ # b # "


def test_batches_use_every_sentence_equally_often():
    batches = list(islice(bucketed([5] * 24, 8, seed=1), 12))
    assert set(Counter(index for batch in batches for index in batch).values()) == {4}


def test_batches_hold_sentences_of_similar_length():
    lengths = list(range(64))
    spread = [max(batch) - min(batch) for batch in islice(bucketed(lengths, 16, seed=1), 4)]
    assert max(spread) < 16


def test_batches_differ_from_one_pass_to_the_next():
    batches = [frozenset(batch) for batch in islice(bucketed(list(range(128)), 16, seed=1), 16)]
    assert len(set(batches)) > 8


def test_fewer_sentences_than_a_batch_still_make_full_batches():
    assert all(len(batch) == 16 for batch in islice(bucketed([4, 9, 7], 16, seed=1), 3))


def test_inference_takes_every_sentence_once_longest_first():
    batches = by_length([3, 9, 1, 7, 5], 2)
    assert batches == [[1, 3], [4, 0], [2]]


def _six_sentences(vocabulary: int) -> Batch:
    generator = torch.Generator().manual_seed(1)
    lengths = torch.tensor([12, 5, 9, 12, 7, 3])
    ids = torch.randint(5, vocabulary, (6, 12), generator=generator)
    attention = (torch.arange(12) < lengths.unsqueeze(1)).long()
    return Batch(ids, attention, torch.stack([torch.zeros(6, dtype=torch.long), lengths - 1], dim=1))


SMALL = {"vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}


def _logits_and_gradients(model: RelationClassifier) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    model.zero_grad()
    logits = model.eval()(_six_sentences(64))
    logits.square().sum().backward()
    gradients = {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
    return logits.detach(), gradients


@pytest.mark.parametrize(
    "build", [lambda: BertModel(BertConfig(**SMALL)), lambda: RobertaModel(RobertaConfig(**SMALL))]
)
def test_the_last_layer_at_the_markers_alone_gives_the_logits_and_gradients_of_the_whole(build):
    torch.manual_seed(1)
    model = marker_classifier(build(), 4)
    assert model.narrow
    logits, gradients = _logits_and_gradients(model)
    model.narrow = False
    whole_logits, whole_gradients = _logits_and_gradients(model)
    torch.testing.assert_close(logits, whole_logits)
    torch.testing.assert_close(gradients, whole_gradients)


def test_an_encoder_built_otherwise_is_computed_whole():
    config = DistilBertConfig(vocab_size=64, dim=32, n_layers=2, n_heads=2, hidden_dim=48)
    model = marker_classifier(DistilBertModel(config), 4)
    assert not model.narrow
    assert model(_six_sentences(64)).shape == (6, 4)


def test_an_encoder_that_answers_at_the_markers_keeps_the_names_of_its_weights():
    encoder = BertModel(BertConfig(**SMALL))
    names = set(encoder.state_dict())
    marker_classifier(encoder, 4)
    assert set(encoder.state_dict()) == names


def test_byte_dropout_zeroes_its_share_and_keeps_the_mean():
    torch.manual_seed(0)
    dropped = ByteDropout(0.1).train()(torch.ones(1000, 1001))
    assert (dropped == 0).float().mean() == pytest.approx(26 / 256, abs=1e-3)
    assert dropped.mean() == pytest.approx(1.0, abs=1e-3)


def test_byte_dropout_masks_gradients_as_it_masks_values():
    states = torch.ones(64, requires_grad=True)
    dropped = ByteDropout(0.5).train()(states)
    dropped.sum().backward()
    assert torch.equal(dropped.detach(), states.grad)


def test_byte_dropout_is_the_identity_outside_training():
    states = torch.randn(5)
    assert torch.equal(ByteDropout(0.5).eval()(states), states)


class TinyEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.words, self.out = nn.Embedding(50, 4), nn.Linear(4, 3)

    def get_input_embeddings(self):
        return self.words

    def set_input_embeddings(self, new):
        self.words = new

    def forward(self, ids):
        return self.out(self.words(ids)).mean(1)


def trained(encoder: TinyEncoder) -> None:
    embedding = encoder.get_input_embeddings().weight
    optimizer = torch.optim.AdamW(
        [{"params": [embedding], "weight_decay": 0.0}, {"params": encoder.out.parameters()}], lr=0.1
    )
    for step in range(5):
        ids = torch.tensor([[3, 7, 7], [40, 3, 11 + step]])
        nn.functional.cross_entropy(encoder(ids), torch.tensor([0, 2])).backward()
        optimizer.step()
        optimizer.zero_grad()


def test_training_the_rows_in_use_gives_the_weights_that_training_all_rows_gives():
    dense, trimmed = TinyEncoder(), TinyEncoder()
    trained(dense)
    whole = trim(trimmed, [3, 7, 40, *range(11, 16)])
    trained(trimmed)
    restore(trimmed, whole)
    assert torch.equal(dense.words.weight, trimmed.words.weight)
    assert torch.equal(dense.out.weight, trimmed.out.weight)


def test_a_token_outside_the_trimmed_vocabulary_is_an_error_not_a_guess():
    encoder = TinyEncoder()
    trim(encoder, [1, 2])
    with pytest.raises(IndexError):
        encoder(torch.tensor([[5]]))


def test_the_trimmed_embedding_lies_where_the_whole_one_does():
    encoder = TinyEncoder().to("meta")
    trim(encoder, [1, 2])
    assert encoder(torch.zeros(2, 5, dtype=torch.int64, device="meta")).device.type == "meta"


def test_bf16_is_used_only_where_the_processor_multiplies_in_it(monkeypatch):
    cpu = torch.device("cpu")
    for flags, expected in (
        ({}, False),
        ({"avx512_f": True}, False),
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda flags=flags: flags)
        assert has_bf16(cpu) is expected


def test_a_model_that_is_not_there_gives_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match=r"could not be loaded.*hf download.*finetune\.encoder.*all-MiniLM-L6-v2"):
        load_encoder(str(tmp_path / "no-model"), dropout=0.1)


def test_an_incomplete_checkpoint_is_refused_instead_of_filled_with_random_numbers(tmp_path):
    from safetensors.torch import load_file, save_file

    encoder = load_encoder(EMBEDDED)
    encoder.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["encoder.layer.3.output.dense.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"lacks 1 weights \(the first: encoder\.layer\.3\.output\.dense\.weight\)"):
        load_encoder(str(tmp_path))


def test_a_tokenizer_without_its_vocabulary_is_refused_instead_of_reading_unknown_words(tmp_path):
    load_encoder(EMBEDDED).config.save_pretrained(tmp_path)
    load_tokenizer(EMBEDDED).save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(UserError, match=r"has no words: its tokenizer\.json .* is missing"):
        load_tokenizer(str(tmp_path))


def test_dropout_is_set_on_hidden_states_and_off_on_attention_weights():
    config = load_encoder(EMBEDDED, dropout=0.3).config
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob) == (0.3, 0.0)


SIZES = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}


def test_an_encoder_that_looks_at_distances_alone_has_no_longest_input():
    config = DebertaV2Config(vocab_size=9, position_biased_input=False, relative_attention=True, **SIZES)
    assert longest_input(DebertaV2Model(config)) is None


def test_an_encoder_with_a_decoder_is_refused(tmp_path):
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
