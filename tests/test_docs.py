"""README and docs: short, current, and every link leads somewhere."""

import re
from pathlib import Path

import pytest

from docs.generate import PARTS, generated, pages
from relseed.datasets import folder
from relseed.tasks.relation import TASK
from relseed.tasks.relation.passages import Passage
from tests.graph import PARAMS, ROOT, declared

README = ROOT / "README.md"
PAGES = [path.relative_to(ROOT).as_posix() for path in pages()]
WRITTEN = [*PAGES, "CONTRIBUTING.md", "CHANGELOG.md"]
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_is_no_longer_than_250_lines():
    assert len(text("README.md").splitlines()) <= 250


def test_the_picture_of_the_readme_has_at_most_twelve_boxes():
    [picture] = re.findall(r"```mermaid\n(.*?)```", text("README.md"), re.S)
    assert 3 < len(set(re.findall(r"\b(\w+)[\[(]", picture))) <= 12


@pytest.mark.parametrize("page", PAGES)
def test_generated_parts_are_what_the_project_generates(page):
    assert generated(text(page)) == text(page)


def test_every_generated_part_has_its_place():
    placed = {name for page in PAGES for name in re.findall(r"<!-- generated: (\w+) -->", text(page))}
    assert placed == set(PARTS)


@pytest.mark.parametrize("page", WRITTEN)
def test_every_relative_link_leads_to_a_file_and_a_heading_that_exist(page):
    for link in LINK.findall(text(page)):
        if "://" not in link:
            path, _, anchor = link.partition("#")
            target = (ROOT / page).parent / path if path else ROOT / page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


def test_every_page_of_the_docs_is_reached_from_the_readme():
    reached, todo = set(), [README]
    while todo:
        page = todo.pop().resolve()
        if page not in reached:
            reached.add(page)
            todo += [page.parent / path for path in re.findall(r"\]\(([^)#\s]+\.md)", page.read_text(encoding="utf-8"))]
    assert [page for page in PAGES if (ROOT / page).resolve() not in reached] == []


@pytest.mark.parametrize("page", WRITTEN)
def test_every_parameter_that_a_command_sets_exists(page):
    if page == "CHANGELOG.md":
        return
    for name in re.findall(r"-S '?~?([a-z_]+(?:\.\w+)*)", text(page)):
        place = PARAMS
        for part in name.split("."):
            assert isinstance(place, dict), name
            assert part in place, name
            place = place[part]


@pytest.mark.parametrize("page", WRITTEN)
def test_every_stage_that_a_command_names_exists(page):
    named = {name for line in re.findall(r"dvc repro ([\w@ -]+)", text(page)) for name in line.split() if "@" in name}
    assert {name.partition("@")[0] for name in named} <= set(declared())


def test_the_tree_of_the_readme_names_what_is_there():
    [tree] = re.findall(r"```text\n(.*?)```", text("README.md"), re.S)
    lines = tree.splitlines()
    assert len(lines) <= 25
    for line in lines:
        names = re.findall(r"[\w.]+(?:/|\.yaml)", line.partition("  ")[0] if line[0] != " " else line[2:25])
        base = ROOT / ("relseed" if line.startswith("  ") else "")
        assert names
        assert [name for name in names if not (base / name).exists()] == []


def test_every_package_of_the_library_stands_in_the_tree():
    packages = {path.parent.name for path in (ROOT / "relseed").glob("*/__init__.py")}
    assert [package for package in packages if f" {package}/" not in text("README.md")] == []


def test_the_lines_of_the_recipe_for_own_data_are_read_as_own_data(tmp_path):
    labels, example = re.findall(r"```json\n(.*?)```", text("README.md"), re.S)
    (tmp_path / "relations.jsonl").write_text(labels, encoding="utf-8")
    for split in ("train", "validation", "test"):
        (tmp_path / f"{split}.jsonl").write_text(example, encoding="utf-8")

    dataset = folder.read(tmp_path, task=TASK, domain=None)
    [read] = dataset.splits["train"]
    assert dataset.schema.labels == ("founded_by", "no_relation")
    assert (read.head.text_of(read.text), read.tail.text_of(read.text)) == ("Nordlys", "Ada Holm")


def test_the_table_and_the_tagged_line_of_the_data_page_are_the_same_example(tmp_path):
    [table] = re.findall(r"```csv\n(.*?)```", text("docs/data.md"), re.S)
    [line] = re.findall(r'```json\n(\{"text".*?)```', text("docs/data.md"), re.S)
    (tmp_path / "relations.jsonl").write_text(re.findall(r"```json\n(.*?)```", text("README.md"), re.S)[0])
    (tmp_path / "train.csv").write_text(table, encoding="utf-8")
    for split in ("validation", "test"):
        (tmp_path / f"{split}.jsonl").write_text(line, encoding="utf-8")

    splits = folder.read(tmp_path, task=TASK, domain=None).splits
    assert splits["train"][0].model_dump(exclude={"id"}) == splits["test"][0].model_dump(exclude={"id"})
    assert splits["train"][1].text == "Nordlys, founded by Ada Holm, is for sale."


def test_the_passage_of_the_data_page_is_one():
    [line] = re.findall(r'```json\n(\{.*"sentences".*)\n```', text("docs/data.md"))
    passage = Passage.model_validate_json(line)
    assert [mention.text_of(passage.text) for mention in passage.mentions] == ["Ada Holm", "Nordlys", "Bodø"]
    assert [passage.text[span.start : span.end] for span in passage.sentences] == [
        "Ada Holm left Nordlys.",
        "Its barn in Bodø is for sale.",
    ]
