"""The stages generate and filter: from a method's entry to accepted and rejected candidates."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from relseed.generation.exchanges import read_exchanges
from relseed.generation.summary import read_summary
from relseed.pipeline.errors import UserError
from relseed.records.candidates import Rejected
from relseed.records.files import DataError, read_records, write_records
from relseed.tasks.relation import TASK, Example
from relseed.tasks.relation.tags import tagged, untag
from relseed.tasks.task import read_examples
from stages import filter, generate
from tests.methods import PARAMS, RULES, SCHEMA, SEEDS, rule_filter

GENERATE = {"labels": Path("labels.jsonl"), "seeds": Path("seeds.jsonl"), "candidates": Path("candidates")}
FILTER = GENERATE | {name: Path(name) for name in ("accepted", "rejected", "summary")}
EXPORT = Path(".scratch/batch/generate-one_by_one.jsonl")


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch) -> None:
    """A working folder with labels, seeds, and a method that wants two examples of each of two labels."""
    method = PARAMS["methods"]["one_by_one"] | {"reads": "recorded", "per_label": 2, "negatives": []}
    params = PARAMS | {"methods": {"one_by_one": method}, "rules": RULES.model_dump()}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    write_records(tmp_path / "labels.jsonl", SCHEMA.relations)
    write_records(tmp_path / "seeds.jsonl", SEEDS)
    (tmp_path / "recorded").mkdir()
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)


def sentence(key: str) -> str:
    """A sentence that no other request gets."""
    return f"<e1>{key[:6]}</e1> {key[6:12]} the <e2>{key[12:18]}</e2>"


def open_requests() -> list[str]:
    """The keys of the requests that `generate` exports, as nothing answers them yet."""
    with pytest.raises(UserError, match="no response to 2 requests"):
        generate.main("one_by_one", **GENERATE)
    return [json.loads(line)["custom_id"] for line in EXPORT.read_text(encoding="utf-8").splitlines()]


def record(name: str, texts: dict[str, str]) -> None:
    """Record a response to each request."""
    lines = []
    for key, text in texts.items():
        sample = json.dumps({"samples": [{"sentence": text}]})
        body = {"model": "m-1", "choices": [{"message": {"content": sample}, "finish_reason": "stop"}]}
        lines.append(json.dumps({"custom_id": key, "response": {"status_code": 200, "body": body}}))
    Path(f"recorded/{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")


def answer_rounds(*flawed: int) -> None:
    """Answer what is open, time after time, until `generate` ends; the responses of some rounds are too short."""
    for number in range(2 + len(flawed)):
        record(
            str(number),
            {key: "<e1>a</e1> <e2>b</e2>" if number in flawed else sentence(key) for key in open_requests()},
        )
    generate.main("one_by_one", **GENERATE)


def ids(numbers: Sequence[int], end: str = "") -> list[str]:
    return [f"one_by_one/{label}/{number}{end}" for label in SCHEMA.labels[:2] for number in numbers]


def test_a_stage_whose_exports_are_answered_time_after_time_comes_to_its_end():
    answer_rounds()  # each answers the one request of each label that all later ones depend on
    exchanges = list(read_exchanges(Path("candidates/one_by_one.jsonl")))
    assert [exchange.id for exchange in exchanges] == ids(range(2))
    assert not EXPORT.exists()


def test_every_request_and_response_is_written_verbatim_with_its_candidates():
    answer_rounds()
    for exchange in read_exchanges(Path("candidates/one_by_one.jsonl")):
        [candidate] = exchange.candidates
        assert candidate.id == f"{exchange.id}/0"
        assert candidate.text == sentence(exchange.request.key) in exchange.response.text
        assert (candidate.method, candidate.label) == ("one_by_one", exchange.unit)


def test_nothing_is_written_where_a_response_is_missing():
    open_requests()
    assert not Path("candidates").exists()


def test_accepted_and_rejected_candidates_are_written_apart_and_none_is_lost():
    answer_rounds(1)
    filter.main("one_by_one", **FILTER)
    accepted = read_examples(Path("accepted/one_by_one.jsonl"), TASK, SCHEMA)
    rejected = [record for _, record in read_records(Path("rejected/one_by_one.jsonl"), Rejected)]
    assert [example.id for example in accepted] == ids([0, 2], "/0")
    assert [(each.candidate.id, each.rule, each.reason) for each in rejected] == [
        (id, "length", "2 words, not 3 to 30") for id in ids([1], "/0")
    ]


def test_what_is_accepted_and_rejected_is_written_as_if_all_of_it_was_there_at_once():
    answer_rounds(0)
    filter.main("one_by_one", **FILTER)
    candidates = [
        each for exchange in read_exchanges(Path("candidates/one_by_one.jsonl")) for each in exchange.candidates
    ]
    for folder, records in zip(("accepted", "rejected"), rule_filter().apply_all(candidates), strict=True):
        write_records(Path("at_once.jsonl"), records)
        assert Path(f"{folder}/one_by_one.jsonl").read_bytes() == Path("at_once.jsonl").read_bytes() != b""


def test_a_wrong_line_among_the_candidates_is_an_error_with_file_and_line_and_nothing_is_written():
    answer_rounds()
    path = Path("candidates/one_by_one.jsonl")
    first, second, *others = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([first, second, '{"id": "one_by_one/owns/9"}', *others, "[]"]), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        filter.main("one_by_one", **FILTER)
    named, last = str(caught.value).splitlines()
    assert named.startswith("candidates/one_by_one.jsonl:3: request: Field required; response: Field required")
    assert last.startswith("candidates/one_by_one.jsonl:6: not a JSON object")
    assert [path for name in ("accepted", "rejected", "summary") for path in Path(name).glob("**/*")] == []


def test_an_accepted_example_has_the_label_that_was_asked_for_and_the_method_that_wrote_it():
    answer_rounds()
    filter.main("one_by_one", **FILTER)
    texts = {
        each.candidates[0].id: each.candidates[0].text for each in read_exchanges(Path("candidates/one_by_one.jsonl"))
    }
    for example in read_examples(Path("accepted/one_by_one.jsonl"), TASK, SCHEMA):
        assert tagged(example) == texts[example.id]
        assert (example.method, example.label) == ("one_by_one", example.id.split("/")[1])


def test_what_repeats_a_seed_is_rejected_though_it_was_not_one_yet_when_it_was_written():
    answer_rounds()
    [first, *_] = read_exchanges(Path("candidates/one_by_one.jsonl"))
    copied = Example(**dict(untag(first.candidates[0].text)) | {"id": "copied", "relation": "owns"})
    write_records(Path("seeds.jsonl"), [*SEEDS, copied])
    filter.main("one_by_one", **FILTER)
    [rejected] = [record for _, record in read_records(Path("rejected/one_by_one.jsonl"), Rejected)]
    assert (rejected.candidate.id, rejected.rule) == (first.candidates[0].id, "copy")


def test_the_summary_counts_requests_and_candidates():
    answer_rounds(0)
    filter.main("one_by_one", **FILTER)
    summary = read_summary(Path("summary/one_by_one.json"))
    assert (summary.method, summary.model, summary.requests, summary.refused) == ("one_by_one", "m-1", 6, 0)
    assert (summary.candidates, summary.accepted, summary.rejected) == (6, 4, {"length": 2})
    assert summary.per_unit == {"owns": 2, "rows_to": 2}
    assert (summary.prompt_tokens, summary.cost) == (None, None)


MADE = {"loop": "rule_made", "llm": "none", "reads": "seeds.jsonl", "per_label": 2, "kind": "swapped", "seed": 1}
MADE |= {"about": "labels.jsonl"}


def test_what_a_rule_makes_of_the_seeds_is_written_and_filtered_like_what_an_llm_writes(capsys):
    params = PARAMS | {"methods": {"made": MADE}, "rules": RULES.model_dump()}
    Path("params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    generate.main("made", **GENERATE)
    filter.main("made", **FILTER)
    accepted = read_examples(Path("accepted/made.jsonl"), TASK, SCHEMA)
    assert [example.id for example in accepted] == [
        f"made/near/{label}/0/{number}" for label in SCHEMA.labels[:2] for number in range(2)
    ]
    assert {(example.label, example.text in {seed.text for seed in SEEDS}) for example in accepted} == {("none", True)}
    summary = read_summary(Path("summary/made.json"))
    assert (summary.model, summary.requests, summary.refused, summary.candidates) == ("", 0, 0, 4)
    assert summary.per_unit == {"near/owns": 2, "near/rows_to": 2}
    assert (summary.cost, summary.cost_per_accepted) == (None, None)
    assert "accepted      4  100.0%" in capsys.readouterr().out


def test_candidates_that_are_not_there_are_an_error_with_a_cure():
    with pytest.raises(
        UserError, match=r"one_by_one\.jsonl: file not found: build it with `dvc repro generate@one_by_one`"
    ):
        filter.main("one_by_one", **FILTER)
