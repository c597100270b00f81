"""Parameters as stages read them: sections, entries of mappings, names, and what is wrong with them."""

import pytest

from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params, Section


class Bake(Section):
    rate: float
    rounds: int = 1


@pytest.fixture
def params(tmp_path):
    """Parameters from the text of a file."""

    def read(text: str) -> Params:
        path = tmp_path / "params.yaml"
        path.write_text(text, encoding="utf-8")
        return Params.read(path)

    return read


# Sections and entries


def test_a_section_is_read_by_its_name(params):
    assert params("bake:\n  rate: 0.5\n  rounds: 3\n").section("bake", Bake) == Bake(rate=0.5, rounds=3)


def test_an_entry_of_a_mapping_is_read_by_the_names_of_both(params):
    ovens = params("ovens:\n  left: {rate: 1}\n  right.2: {rate: 2}\n")
    assert [ovens.section(f"ovens.{name}", Bake).rate for name in ("left", "right.2")] == [1, 2]


def test_a_number_that_yaml_reads_as_text_is_a_number(params):
    assert params("bake:\n  rate: 1e-05\n").section("bake", Bake).rate == 1e-05


def test_an_unknown_key_is_an_error_that_names_it_and_the_known_ones(params):
    with pytest.raises(UserError, match=r"params\.yaml: bake\.rat: .*'bake' has the keys rate, rounds$"):
        params("bake:\n  rate: 1.0\n  rat: 2\n").section("bake", Bake)


@pytest.mark.parametrize("text", ["bake:\n  rounds: 2\n", "bake:\n"])
def test_a_missing_key_is_an_error_that_names_it(params, text):
    with pytest.raises(UserError, match=r"params\.yaml: bake\.rate: Field required"):
        params(text).section("bake", Bake)


def test_what_is_wrong_with_an_entry_is_said_under_its_whole_name(params):
    with pytest.raises(
        UserError, match=r"params\.yaml: ovens\.left\.rate: Field required.* 'ovens\.left' has the keys"
    ):
        params("ovens:\n  left: {}\n").section("ovens.left", Bake)


@pytest.mark.parametrize("name", ["bake", "bake.left"])
def test_a_missing_section_is_an_error_that_says_so(params, name):
    with pytest.raises(UserError, match=r"params\.yaml has no section 'bake'$"):
        params("cook: {}\n").section(name, Bake)


@pytest.mark.parametrize(
    ("text", "known"), [("ovens: {left: {}, right: {}}", "left, right"), ("ovens: {}", "none"), ("ovens:", "none")]
)
def test_a_missing_entry_is_an_error_that_lists_those_that_are_there(params, text, known):
    with pytest.raises(UserError, match=rf"params\.yaml: ovens has no entry 'top', it has {known}$"):
        params(text).section("ovens.top", Bake)


# Values and names


def test_a_value_stands_for_itself(params):
    assert params("task: relation\n").value("task") == "relation"


def test_a_missing_value_is_an_error_that_names_it(params):
    with pytest.raises(UserError, match=r"params\.yaml has no section 'task'"):
        params("bake: {}\n").value("task")


@pytest.mark.parametrize(
    ("text", "names"), [("ovens: {right: 1, left: 2, 3: 4}", ("right", "left", "3")), ("ovens:", ()), ("ovens: {}", ())]
)
def test_the_names_of_entries_come_in_the_order_of_the_file(params, text, names):
    assert params(text).names("ovens") == names


@pytest.mark.parametrize("name", ["left/right", "left right", "-left", "left@right", "../left", "$(left)"])
def test_a_name_that_no_file_or_stage_can_have_is_an_error_that_says_what_a_name_has(params, name):
    with pytest.raises(UserError, match=r"params\.yaml: ovens has an entry '.*': a name has letters, digits, "):
        params(f"ovens:\n  '{name}': 1\n").names("ovens")


def test_without_the_file_it_is_said_where_stages_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"params\.yaml not found: run stages from the root of the repository"):
        Params.read()
