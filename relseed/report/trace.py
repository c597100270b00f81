"""Trace one written sentence: its prompt, the response, the rules, where it ended up."""

from dataclasses import dataclass
from pathlib import Path

from relseed.generation.answers import Answer, read_answers
from relseed.pipeline.errors import UserError
from relseed.records.files import read_json_lines
from relseed.tasks.relation.written import Draft

_SHOWN = 10  # ids that an error lists


@dataclass(frozen=True, slots=True)
class Life:
    """A draft, and the answer that it stands in; an answer without any has a life of its own."""

    answer: Answer
    draft: Draft | None

    @property
    def id(self) -> str:
        """That of the draft, or of the request."""
        return self.draft.id if self.draft else self.answer.id


def main(id: str, data: Path) -> None:
    """Find the sentence, and print what is known of it."""
    life = _find(id, data)
    _print_request(life.answer)
    _title("completion")
    print(_completion(life.answer))
    if life.draft is None:
        return
    draft = life.draft
    _title(f"sentence {draft.id}")
    print(draft.text)
    print(f"relation {draft.relation}, {draft.head_type or 'no type'} -> {draft.tail_type or 'no type'}")
    _title("checks")
    print(_fate(draft, data))


def _find(id: str, data: Path) -> Life:
    if not (paths := sorted((data / "candidates").glob("*.jsonl"))):
        raise UserError(f"{data}/candidates holds no answers: `dvc repro filter`, or pull them from the remote storage")
    lives = [
        life
        for path in paths
        for answer in read_answers(path)
        for life in [Life(answer, draft) for draft in answer.drafts or [None]]
        if id in life.id
    ]
    exact = [life for life in lives if life.id == id]
    if len(exact or lives) == 1:
        return (exact or lives)[0]
    if not lives:
        raise UserError(f"no written sentence has an id with {id!r}: ids are like all_at_once/born_in/0/3")
    some = ", ".join(life.id for life in lives[:_SHOWN])
    raise UserError(f"{len(lives)} sentences have an id with {id!r} (such as {some}): give more of it")


def _print_request(answer: Answer) -> None:
    request = answer.request
    for message in request.messages:
        _title(f"{message.role}")
        print(message.content)
    _title("request")
    print(f"{answer.id}, key {request.key}")
    revision = f" at {request.revision}" if request.revision else ""
    print(
        f"model {request.model}{revision}, temperature {request.temperature:g}, top_p {request.top_p:g}, "
        f"at most {request.max_tokens} tokens, seed {request.seed}"
    )


def _completion(answer: Answer) -> str:
    took = answer.completion
    if took is None:
        return f"none: {answer.refusal}"
    tokens = f"{took.prompt_tokens} + {took.completion_tokens} tokens" if took.counted else "tokens not counted"
    return f"{took.text}\n({took.model}, engine {took.engine}, finished: {took.finish}, {tokens})"


def _fate(draft: Draft, data: Path) -> str:
    """Which checks it passed, which it failed, and which sets hold it."""
    for path in sorted([*data.glob("rejected/*.jsonl"), *data.glob("unexplained.jsonl")]):
        for _, record in read_json_lines(path):
            if record["draft"]["id"] == draft.id:
                return f"rejected by {record['check']}: {record['reason']}"
    homes = [
        f"{path}, line {number}"
        for pattern in ("explanations.jsonl", "accepted/*.jsonl", "synthetic/*.jsonl")
        for path in sorted(data.glob(pattern))
        for number, record in read_json_lines(path)
        if record["id"] == draft.id
    ]
    if not homes:
        return f"not checked: list {draft.method} under methods or writers, and run `dvc repro`"
    return f"passed all; in {'; '.join(homes)}"


def _title(text: str) -> None:
    print(f"\n--- {text}")
