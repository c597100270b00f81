"""Records that are kept on disk: they come back as they were, group by group."""

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from relseed.records.spool import Spool
from tests.strategies import sentences


class Named(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: str
    note: str | None = None


def test_records_come_group_by_group_and_of_each_as_they_were_added():
    spool = Spool(Named)
    for group, name in ((2, "e"), (0, "a"), (1, "c"), (0, "b"), (1, "d")):
        spool.add(Named(name=name), group)
    assert "".join(record.name for record in spool) == "abcde"


def test_a_record_is_found_again_at_its_place_with_the_fields_that_it_was_given():
    spool = Spool(Named)
    records = [Named(name="a"), Named(name="b", note=None), Named(name="Å\n\ud800", year=1999, spans=[[1, 2.5]])]
    places = [spool.add(record, 9 - number) for number, record in enumerate(records)]
    found = [spool.at(place) for place in reversed(places)]
    assert [record.model_dump(exclude_unset=True) for record in found] == [
        record.model_dump(exclude_unset=True) for record in reversed(records)
    ]


@given(st.lists(sentences(), max_size=3))
def test_what_comes_back_is_what_was_added_whatever_it_holds(found):
    if found:
        spool = Spool(type(found[0]))
        places = list(map(spool.add, found))
        assert list(map(spool.at, places)) == found
