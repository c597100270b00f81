"""Doubts about well-formed sentences: mentions that part words, and offsets that count something else."""

import pytest

from relseed.tasks.relation import Sentence
from relseed.tasks.relation.doubts import cut_mention, usual_seams, utf16_offsets
from relseed.tasks.relation.tags import untag

SEEDS = {
    "Korean": "<e1>한빛연구소</e1>는 <e2>대전</e2>에 있다고 지역 신문이 전했다.",
    "Hebrew": "<e1>חברת אורן</e1> פועלת ב<e2>חיפה</e2> כבר עשרים שנה.",
    "Arabic": "تقع <e1>شركة الندى</e1> ب<e2>عمان</e2> منذ عشرين عاما.",
    "Hungarian": "A <e1>Napfény Kft</e1> húsz éve <e2>Szeged</e2>en működik.",
}
DRAFTS = {
    "Korean": "<e1>푸른숲</e1>은 작년 가을에 본사를 <e2>IBM</e2>으로 옮겼다.",
    "Hebrew": "<e1>מכון גלים</e1> נמצא ב<e2>ירושלים</e2> ליד השוק הישן.",
    "Arabic": "يقع <e1>معهد النور</e1> ب<e2>القاهرة</e2> قرب السوق القديم.",
    "Hungarian": "Az <e1>Ezüst Kiadó</e1> már tíz éve <e2>Budapest</e2>en dolgozik.",
}
CLEAN = [untag(f"<e1>Ada {letter}</e1> lives in <e2>Ribe</e2>.") for letter in "abcdefghijklmnopqrstu"]


@pytest.mark.parametrize("language", SEEDS)
def test_particles_and_prefixes_may_touch_mentions_where_they_do_in_seeds(language):
    draft = untag(DRAFTS[language])
    assert cut_mention(draft) is not None
    assert cut_mention(draft, usual_seams([untag(SEEDS[language])])) is None


def test_what_seeds_never_do_is_a_cut_mention():
    usual = usual_seams([untag(SEEDS["Hungarian"])])
    for cut in ("A <e1>Ezüst</e1> háza Buda<e2>pest</e2> mellett áll.", "<e1>한빛</e1>연구소는 <e2>대전</e2> 옆."):
        assert "inside a word" in str(cut_mention(untag(cut), usual))


def test_a_slip_in_a_few_seeds_is_no_usage():
    slip = untag("<e1>Ad</e1>a lives in <e2>Ribe</e2>.")
    assert usual_seams([*CLEAN, slip]) == usual_seams([*CLEAN[:2], slip]) == usual_seams([]) == frozenset()


def utf16(tagged: str) -> Sentence:
    """The sentence with offsets as tools count them that count UTF-16 units."""
    right = untag(tagged)
    mentions = {}
    for role in ("head", "tail"):
        mention = getattr(right, role)
        start, end = (len(right.text[:at].encode("utf-16-le")) // 2 for at in (mention.start, mention.end))
        mentions[role] = {"start": start, "end": end}
    return Sentence.model_validate({"text": right.text, **mentions})


@pytest.mark.parametrize(
    "tagged",
    [
        "🎉🎉 <e1>Nordlys</e1> was founded by <e2>Ada Holm</e2> in the flood.",
        "<e1>Ada Holm</e1> 🎉🎉 founded <e2>Nordlys</e2> there.",
        "🎉今天<e1>林小雨</e1>住在<e2>北京</e2>的新家。",
    ],
    ids=["before both", "between them", "no blanks"],
)
def test_offsets_that_count_utf16_units_are_told_with_the_words_that_were_meant(tagged):
    meant = untag(tagged)
    found = utf16_offsets(utf16(tagged))
    assert found is not None
    assert f"would be {meant.tail.text_of(meant.text)!r}" in found


@pytest.mark.parametrize(
    "tagged",
    [
        "🎉🎉 <e1>Nordlys</e1> was founded by <e2>Ada Holm</e2> in the flood.",
        "<e1>Ada Holm</e1> founded <e2>Nordlys</e2> 🎉🎉 there.",
        "<e1>Zoë</e1> founded <e2>Nørd</e2> — there.",
    ],
)
def test_offsets_that_count_characters_are_no_doubt(tagged):
    assert utf16_offsets(untag(tagged)) is None


def test_an_error_of_offsets_says_that_an_emoji_is_one_character():
    with pytest.raises(ValueError, match=r"begins or ends with a blank .*\(an emoji is one character\)"):
        utf16("🎉 <e1>Nordlys</e1> was founded by <e2>Ada</e2>.")
