"""Trace one candidate: its prompt, the response, the rule that rejected it or the sets that hold it, its review."""

from dataclasses import dataclass
from pathlib import Path

from relseed.generation.exchanges import Exchange, read_exchanges
from relseed.pipeline.errors import UserError
from relseed.records.candidates import Candidate
from relseed.records.files import read_json_lines
from relseed.records.reviews import read_decisions, reviews_of

_LISTED = 10  # ids that an error lists


@dataclass(frozen=True, slots=True)
class Trace:
    """A candidate, and the exchange that it comes from; an exchange without any is traced by itself."""

    exchange: Exchange
    candidate: Candidate | None

    @property
    def id(self) -> str:
        """That of the candidate, or of the request."""
        return self.candidate.id if self.candidate else self.exchange.id


def trace(id: str, data: Path) -> str:
    """What is known of the candidate whose id is `id`, or has it as a part that no other id has.

    Raises:
        UserError: There is none, or there are several, or no candidates are here.
    """
    found = _find(id, data)
    lines = [*_request(found.exchange), _title("response"), _response(found.exchange)]
    if candidate := found.candidate:
        stated = ", ".join(f"{name} {value}" for name, value in candidate.fields.items() if value is not None)
        lines += [_title(f"candidate {candidate.id}"), candidate.text, f"label {candidate.label}"]
        lines += [stated] if stated else []
        lines += [_title("rules"), _outcome(candidate, data), *_scores(candidate, data), *_review(candidate, data)]
    return "\n".join(lines)


def _find(id: str, data: Path) -> Trace:
    if not (paths := sorted((data / "candidates").glob("*.jsonl"))):
        raise UserError(f"{data}/candidates holds nothing: `dvc repro filter`, or pull it from the remote storage")
    traces = [
        found
        for path in paths
        for exchange in read_exchanges(path)
        for found in [Trace(exchange, candidate) for candidate in exchange.candidates or [None]]
        if id in found.id
    ]
    exact = [found for found in traces if found.id == id]
    if len(exact or traces) == 1:
        return (exact or traces)[0]
    if not traces:
        raise UserError(f"no candidate has an id with {id!r}: ids are like all_at_once/born_in/0/3")
    some = ", ".join(found.id for found in traces[:_LISTED])
    raise UserError(f"{len(traces)} candidates have an id with {id!r} (such as {some}): give more of it")


def _request(exchange: Exchange) -> list[str]:
    request = exchange.request
    if request is None:
        return [_title("request"), f"{exchange.id}: none, it was made by rule from the seeds"]
    lines = [line for message in request.messages for line in (_title(message.role), message.content)]
    revision = f" at {request.revision}" if request.revision else ""
    adapter = f", adapter {request.adapter}" if request.adapter else ""
    named = {"temperature": request.temperature, "top_p": request.top_p}
    sampling = "".join(f", {name} {value:g}" for name, value in named.items() if value is not None)
    effort = f", reasoning effort {request.reasoning_effort}" if request.reasoning_effort else ""
    return [
        *lines,
        _title("request"),
        f"{exchange.id}, key {request.key}",
        f"model {request.model}{revision}{adapter}{sampling}{effort}, "
        f"at most {request.max_tokens} tokens, {f'seed {request.seed}' if request.sends_seed else 'no seed'}",
    ]


def _response(exchange: Exchange) -> str:
    response = exchange.response
    if response is None:
        return f"none: {exchange.refusal}" if exchange.refusal else "none"
    counts = f"{response.prompt_tokens} + {response.completion_tokens} tokens"
    tokens = counts if response.counted else "tokens not counted"
    tokens += "" if response.thought_tokens is None else f", {response.thought_tokens} of them thoughts"
    thoughts = f"{response.thoughts}\n(thoughts)\n\n" if response.thoughts else ""
    took = f"({response.model}, engine {response.engine}, finished: {response.finish}, {tokens})"
    return f"{thoughts}{response.text}\n{took}"


def _outcome(candidate: Candidate, data: Path) -> str:
    """Which rule rejected it, or which files hold it."""
    for path in sorted([*data.glob("rejected/*.jsonl"), *data.glob("explanations_rejected.jsonl")]):
        for _, record in read_json_lines(path):
            if record["candidate"]["id"] == candidate.id:
                return f"rejected by {record['rule']}: {record['reason']}"
    homes = [
        f"{path}, line {number}"
        for pattern in ("explanations.jsonl", "accepted/*.jsonl", "training/*.jsonl")
        for path in sorted(data.glob(pattern))
        for number, record in read_json_lines(path)
        if record["id"] == candidate.id
    ]
    if not homes:
        return f"not applied: list {candidate.method} under `methods`, and run `dvc repro filter@{candidate.method}`"
    return f"passed all; in {'; '.join(homes)}"


def _scores(candidate: Candidate, data: Path) -> list[str]:
    """What each criterion says of it."""
    lines = []
    for path in sorted(data.glob("scores/*.jsonl")):
        for _, record in read_json_lines(path):
            if record["example"]["id"] == candidate.id:
                note = f" ({record['note']})" if record.get("note") else ""
                lines.append(f"{path.stem} {record['score']:.2f}{note}")
    return [_title("scores"), *lines] if lines else []


def _review(candidate: Candidate, data: Path) -> list[str]:
    """What a person decided about it."""
    decision = read_decisions(reviews_of(data / "reviews", candidate.method)).get(candidate.id)
    if decision is None:
        return []
    return [_title("review"), f"{decision.words} ({decision.note})" if decision.note else decision.words]


def _title(text: str) -> str:
    return f"\n--- {text}"
