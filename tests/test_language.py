"""What language and script a text is in, and what a word is in it."""

import pytest
from hypothesis import given

from relseed.quality.language import inside_word, language_of, length, letters_apart, scripts, words
from tests.strategies import words as any_words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Straße", ["Latin"] * 6),
        ("Сула", ["Cyrillic"] * 4),
        ("日本のビル", ["Han", "Han", "Hiragana", "Katakana", "Katakana"]),
        ("aж", ["Latin", "Cyrillic"]),
    ],
)
def test_each_letter_is_of_the_script_that_it_is_written_in(text: str, found: list[str]) -> None:
    assert scripts(text) == found


@pytest.mark.parametrize(
    ("text", "script"),
    [("Ａｂ", "Latin"), ("ｱｲ", "Katakana"), ("ﾡ", "Hangul")],
    ids=["full-width Latin", "half-width Katakana", "half-width Hangul"],
)
def test_a_letter_of_another_width_is_of_the_script_that_it_is_a_form_of(text: str, script: str) -> None:
    assert set(scripts(text)) == {script}


@pytest.mark.parametrize(
    ("text", "script"),
    [("ʰˢʷ", "Latin"), ("ᵃᵐ", "Latin"), ("ᴴ", "Latin"), ("ᵝ", "Greek"), ("ᵸ", "Cyrillic")],
    ids=["modifiers", "small ones", "a capital one", "Greek", "Cyrillic"],
)
def test_a_modifier_letter_is_of_the_script_that_it_modifies(text: str, script: str) -> None:
    assert set(scripts(text)) == {script}


@pytest.mark.parametrize("text", ["𝐀𝒜𝔸", "𝛼𝜷", "ℓℝ", "ʼ"], ids=["Latin", "Greek", "symbols", "a modifier"])
def test_a_mathematical_letter_or_another_that_many_scripts_use_is_of_none(text: str) -> None:
    assert text.isalpha()
    assert scripts(text) == []


def test_what_is_no_letter_is_of_no_script() -> None:
    assert scripts("² ½ — 7, 12%! 🙂") == []


@given(any_words)
def test_any_text_has_at_most_one_script_for_each_letter(text: str) -> None:
    assert len(scripts(text)) <= sum(letter.isalpha() for letter in text)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The harbour master says that Marit still keeps the boat under a tarp.", "en"),
        ("La vieille dame a vendu sa maison pour acheter un bateau.", "fr"),
        ("Старая женщина продала дом и купила лодку.", "ru"),
        ("", None),
    ],
)
def test_the_language_is_named_where_it_is_sure(text: str, language: str | None) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("  Marit  rows. ", 2),
        ("東京", 2),
        ("Marit は東京へ", 5),
        ("เรือ", 3),
        ("十 boats", 2),
        ("Seoul 서울", 2),
        ("東京、大阪。", 4),
        ("ภาษาไทย", 7),
        ("हिन्दी की किताब", 3),
        ("A – B", 3),
    ],
)
def test_a_length_counts_words_and_letters_where_words_are_not_set_apart(text: str, count: int) -> None:
    assert length(text) == count


@pytest.mark.parametrize(
    ("text", "place", "inside"),
    [
        ("rowboat", 3, True),
        ("row boat", 3, False),
        ("row-boat", 3, False),
        ("rowboat", 0, False),
        ("rowboat", 7, False),
        ("12a", 2, True),
        ("東京", 1, False),
        ("a東", 1, False),
        ("की", 1, True),
        ("किताब", 2, True),
        ("เรือ", 2, True),
        ("เรือ", 3, False),
        ("cafe\u0301", 4, True),
        ("❤\ufe0f", 1, False),
    ],
)
def test_a_place_is_inside_a_word_between_two_letters_or_digits_of_it(text: str, place: int, inside: bool) -> None:
    assert inside_word(text, place) is inside


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Marit's old_boat, 1907.", ["Marit", "s", "old", "boat", "1907"]),
        ("林小雨创办了IBM公司。", [*"林小雨创办了", "IBM", *"公司"]),
        ("เรือ", ["เ", "รื", "อ"]),
        ("हिन्दी की किताब", ["हिन्दी", "की", "किताब"]),
        ("cafe\u0301 ❤\ufe0f", ["cafe\u0301"]),
        ("서울에 있다", ["서울에", "있다"]),
        ("…", []),
    ],
    ids=["Latin", "Chinese", "Thai", "Devanagari", "a mark of its own", "Korean", "none"],
)
def test_letters_are_words_where_no_blanks_part_words_and_keep_their_marks(text: str, found: list[str]) -> None:
    assert words(text) == found


def test_letters_are_set_apart_only_where_no_blanks_part_words() -> None:
    assert letters_apart("東京 by sea").split() == ["東", "京", "by", "sea"]
    assert letters_apart("Marit’s  boat, 1907.") == "Marit’s  boat, 1907."
