"""From examples to token ids: markers, the tokens that the head reads, and what is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, processors
from tokenizers.pre_tokenizers import ByteLevel
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from relseed.classifier.encoding import Encoded, Input, encode_all, unread_share
from relseed.classifier.heads.mentions import has_types, lacking_types
from relseed.classifier.heads.typed_marker import mark
from relseed.training.encoders import EMBEDDED, load_tokenizer
from tests.sentences import sentence


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerBase:
    return load_tokenizer(EMBEDDED)


def encode(tokenizer: PreTrainedTokenizerBase, shown: Input, max_length: int) -> Encoded:
    [encoded] = encode_all(tokenizer, [shown], max_length)
    return encoded


# Markers


def test_typed_markers_name_the_types_in_words_and_follow_zhou_and_chen():
    ada = sentence("Ada Holm lives in Skive.", (0, 8, "PERSON"), (18, 23, "STATE_OR_PROVINCE"))
    assert mark(ada, typed=True).text == "@ * person * Ada Holm @ lives in # ^ state or province ^ Skive # ."


def test_markers_without_types_are_bare():
    ada = sentence("Ada Holm lives in Skive.", (0, 8), (18, 23))
    assert mark(ada, typed=False).text == "@ Ada Holm @ lives in # Skive # ."


def test_where_training_had_no_types_those_of_a_sentence_are_left_out():
    ada = sentence("Ada lives in Skive.", (0, 3, "PERSON"), (13, 18, "CITY"))
    assert mark(ada, typed=False).text == "@ Ada @ lives in # Skive # ."


def test_the_tail_may_stand_before_the_head():
    ada = sentence("In Skive lives Ada.", (15, 18, "PERSON"), (3, 8, "CITY"))
    marked = mark(ada, typed=True)
    assert marked.text == "In # ^ city ^ Skive # lives @ * person * Ada @ ."
    assert [marked.text[anchor] for anchor in marked.anchors] == ["@", "#"]


def test_a_mention_inside_a_word_gets_markers_of_its_own():
    marked = mark(sentence("a 12-pack of-ale", (5, 9), (13, 16)), typed=False)
    assert marked.text == "a 12- @ pack @ of- # ale # "


def test_adjacent_mentions_keep_their_markers_apart():
    assert mark(sentence("oak table", (0, 3), (4, 9)), typed=False).text == "@ oak @ # table # "


def test_a_mention_without_a_type_gets_bare_markers_beside_one_that_has_one():
    assert mark(sentence("a b", (0, 1, "X"), (2, 3)), typed=True).text == "@ * x * a @ # b # "


def test_sentences_count_as_typed_if_any_mention_is():
    half, bare = sentence("a b", (0, 1, "X"), (2, 3)), sentence("a b", (0, 1), (2, 3))
    assert has_types([half, bare])
    assert not has_types([bare])


def test_sentences_that_lack_a_type_are_counted_where_training_had_types():
    half, bare = sentence("a b", (0, 1, "X"), (2, 3)), sentence("a b", (0, 1), (2, 3))
    whole = sentence("a b", (0, 1, "X"), (2, 3, "Y"))
    note = lacking_types([half, bare, whole], {"typed": True})
    assert note == "2 of 3 have a mention without an entity type: its markers are bare"
    assert lacking_types([whole], {"typed": True}) is None
    assert lacking_types([half, bare, whole], {"typed": False}) is None


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
def test_anchors_point_at_the_markers_whatever_the_text(marked_sentence, typed):
    marked = mark(marked_sentence, typed=typed)
    head, tail = marked.anchors
    assert marked.text[head:].startswith(f"@ {marked_sentence.head.text_of(marked_sentence.text)}")
    assert marked.text[tail:].startswith(f"# {marked_sentence.tail.text_of(marked_sentence.text)}")


@given(marked_sentences())
def test_the_head_reads_the_markers_even_where_the_text_holds_such_characters(tokenizer, marked_sentence):
    encoded = encode(tokenizer, mark(marked_sentence, typed=False), 512)
    assert tokenizer.convert_ids_to_tokens([encoded.ids[at] for at in encoded.positions]) == ["@", "#"]


# What is cut


def test_a_long_sentence_is_cut_to_a_window_that_keeps_both_mentions(tokenizer):
    text = "pine " * 200 + "Ada met Bo " + "fir " * 100
    encoded = encode(tokenizer, mark(sentence(text, (1000, 1003), (1008, 1010)), typed=False), 32)
    tokens = tokenizer.convert_ids_to_tokens(encoded.ids)
    assert len(tokens) == 32
    head, tail = encoded.positions
    assert tokens[head : head + 2] == ["@", "ada"]
    assert tokens[tail : tail + 3] == ["#", "bo", "#"]
    assert (tokens[0], tokens[-1]) == ("[CLS]", "[SEP]")


def test_the_window_uses_the_room_on_the_other_side_when_a_mention_stands_at_an_end(tokenizer):
    text = "Ada met Bo " + "fir " * 100
    tokens = encode(tokenizer, mark(sentence(text, (0, 3), (8, 10)), typed=False), 32).ids
    assert len(tokens) == 32


def test_mentions_further_apart_than_the_window_are_an_error_with_the_number_of_the_input_and_the_cure(tokenizer):
    near, far = sentence("Ada met Bo", (0, 3), (8, 10)), sentence("Ada " + "fir " * 100 + "Bo", (0, 3), (404, 406))
    with pytest.raises(ValueError, match=r"^1: the mentions are \d+ tokens too far apart for max_length: raise it"):
        encode_all(tokenizer, [mark(shown, typed=False) for shown in (near, far)], 32)


@pytest.fixture(scope="module")
def bytewise() -> PreTrainedTokenizerBase:
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


# One text or two, of which nothing must stay


def test_the_head_reads_the_first_token_where_nothing_else_is_named(tokenizer):
    assert encode(tokenizer, Input("Is water wet?"), 16).positions == [0]


def test_of_a_single_text_that_is_too_long_the_end_is_cut(tokenizer):
    encoded = encode(tokenizer, Input("Is water wet " + "fir " * 40), 8)
    assert tokenizer.decode(encoded.ids) == "[CLS] is water wet fir fir fir [SEP]"


def test_of_two_texts_that_are_too_long_the_end_of_the_second_is_cut(tokenizer):
    encoded = encode(tokenizer, Input("Is water wet?", "It is " + "fir " * 40), 10)
    assert tokenizer.decode(encoded.ids) == "[CLS] is water wet? [SEP] it is fir [SEP]"


def test_a_token_of_the_second_text_is_enough(tokenizer):
    encoded = encode(tokenizer, Input("fir " * 4, "It is so."), 8)
    assert tokenizer.decode(encoded.ids) == "[CLS] fir fir fir fir [SEP] it [SEP]"


@pytest.mark.parametrize(("words", "surplus"), [(5, 1), (40, 36)])
def test_a_first_text_that_leaves_the_second_no_room_is_an_error_with_the_cure(tokenizer, words, surplus):
    with pytest.raises(ValueError, match=f"^0: its first text is {surplus} tokens too long .* max_length: raise it"):
        encode(tokenizer, Input("fir " * words, "It is so."), 8)


def test_a_text_is_encoded_the_same_alone_and_among_pairs(tokenizer):
    inputs = [Input("Is ice cold?", "It is."), Input("Is water wet?"), Input("Is fire hot?", ""), Input("fir " * 40)]
    assert encode_all(tokenizer, inputs, 16) == [encode(tokenizer, shown, 16) for shown in inputs]


def test_no_inputs_are_encoded_to_none(tokenizer):
    assert encode_all(tokenizer, [], 16) == []


# What a tokenizer does not know


@pytest.mark.parametrize(
    ("text", "share"),
    [("Ada lives in Ribe — 🎉", 0.0), ("አበበ በከተማዋ ጎንደር ይኖራል", 1.0), ("Ada lives in አበበ", 3 / 13)],
    ids=["English", "Amharic", "both"],
)
def test_letters_in_unknown_tokens_are_unread(text, share):
    assert unread_share(load_tokenizer(EMBEDDED), [text]) == pytest.approx(share)


def test_letters_of_which_only_the_bytes_are_known_are_unread(bytewise):
    assert unread_share(bytewise, ["Ada ጎን"]) == pytest.approx(2 / 5)
    assert unread_share(bytewise, ["", "🎉"]) == 0
