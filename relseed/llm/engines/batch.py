"""Responses that come as a file: open requests go out as an OpenAI batch file, a batch's output file comes back in.

`vllm run-batch`, a provider's batch service or a patient person can answer the exported file.
"""

import json
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from relseed.llm.engines.completions import EngineError, read_completion, status_of
from relseed.llm.engines.engine import Engine, Setup
from relseed.llm.engines.statuses import FATAL_HINTS, NON_RETRYABLE, way_on
from relseed.llm.engines.strict import strict_body
from relseed.llm.request import Request, RequestFailedError, Response
from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import main_checkout, output_file
from relseed.pipeline.params import Section
from relseed.records.files import DataError, problem_of, read_json_lines


class BatchSettings(Section):
    """Where open requests go; where recorded responses are, each method says in `reads`."""

    requests: Path  # a folder for the open requests, one file a stage and method


class _Answered(BaseModel):
    status_code: int
    body: Any = None


class _Result(BaseModel):
    type: str
    message: Any = None
    error: Any = None


class _Line(BaseModel):
    """A line of a batch output file, as OpenAI and vLLM write it (`response`), or Anthropic (`result`)."""

    model_config = ConfigDict(extra="ignore")

    custom_id: str
    response: _Answered | None = None
    result: _Result | None = None
    error: Any = None

    @property
    def says_nothing(self) -> bool:
        """Whether it neither answers nor says why there is no answer."""
        return self.response is None and self.result is None and not self.error


@asynccontextmanager
async def opened(setup: Setup) -> AsyncIterator["BatchFiles"]:
    """Recorded responses; what they lack is exported at the end.

    Raises:
        DataError: A line is not one of a batch output file.
        UserError: At the end, a request stayed open.
    """
    files = BatchFiles(setup.params.section("engines.batch", BatchSettings), setup.reads, setup.title)
    try:
        yield files
    finally:
        files.export()
    files.check()


class BatchFiles(Engine):
    """Responses from batch output files; what they lack is kept open, to be exported."""

    name = "batch"
    is_record = True

    def __init__(self, settings: BatchSettings, recorded: Path, title: str) -> None:
        """Read all responses in `recorded`, a file or a folder; `title` names the file of open requests.

        Raises:
            DataError: A line is not one of a batch output file.
        """
        self._recorded = recorded
        self._responses = read_responses(recorded)
        # Not in the temporary workspace of a queued experiment, which is gone when it has failed.
        self._export = main_checkout() / settings.requests / f"{title}.jsonl"
        self._open: dict[str, Request] = {}
        self._asked: set[str] = set()  # keys

    async def complete(self, request: Request) -> Response:
        """The recorded response.

        Raises:
            RequestFailedError: There is none, or the batch failed to answer this request.
        """
        self._asked.add(request.key)
        response = self._responses.get(request.key)
        if response is None:
            self._open[request.key] = request
            raise RequestFailedError("not_recorded", "no response to this request is recorded")
        if isinstance(response, RequestFailedError):
            raise response
        return response

    def export(self) -> None:
        """Write what stayed open, and remove the file of an earlier run if nothing did."""
        if not self._open:
            self._export.unlink(missing_ok=True)
            return
        with output_file(self._export) as partial:
            partial.write_text("".join(export_line(request) for request in self._open.values()), encoding="utf-8")

    def check(self) -> None:
        """Make sure that nothing stayed open.

        Raises:
            UserError: Something did; the message names the ways on.
        """
        if not self._open:
            return
        into = self._recorded if self._recorded.is_dir() else f"{self._recorded} (one more line each)"
        raise UserError(
            f"{self._recorded} has no response to {len(self._open)} requests. Three ways on:\n"
            "  an endpoint: set engine of the LLM in params.yaml to openai, its model and engines.openai.url, and "
            "OPENAI_API_KEY in the environment\n"
            "  vLLM: set engine to vllm and model, on a machine that can run the model\n"
            f"  a batch: the requests are in {self._export}; have them answered (`vllm run-batch -i {self._export} "
            f"-o responses.jsonl --model ...`, or a provider's batch service), put the responses into {into} "
            "and run again; each request names the model, so set that first to the one that will answer\n"
            f"What is there now: {describe(self._recorded, self._asked)}"
        )


def export_line(request: Request) -> str:
    """A request as a line of an OpenAI batch file, under its key."""
    line = {"custom_id": request.key, "method": "POST", "url": "/v1/chat/completions", "body": strict_body(request)}
    return json.dumps(line, ensure_ascii=False) + "\n"


def read_responses(recorded: Path) -> dict[str, Response | RequestFailedError]:
    """The responses in a file, or in all files of a folder, by request key.

    Of several to one request a response beats a refusal. What failed for a reason that passes (expired, rate limited, a
    server at fault, broken off, an empty response) is none.

    Raises:
        DataError: A line is not one of a batch output file, or says that the batch went to the wrong place.
    """
    responses: dict[str, Response | RequestFailedError] = {}
    for path, number, line in _lines(recorded):
        response = _response(path, number, line)
        if response is not None and not isinstance(responses.get(line.custom_id), Response):
            responses[line.custom_id] = response
    return responses


def describe(recorded: Path, requests: Collection[str]) -> str:
    """What lies in a file or a folder of responses that answers none of the requests of these keys, in words."""
    lines = [line for _, _, line in _lines(recorded)]
    silent = sum(line.says_nothing for line in lines)
    others = len({line.custom_id for line in lines if not line.says_nothing} - set(requests))
    read = _files(recorded)
    left = [] if recorded.is_file() else sorted(set(recorded.glob("*")) - {*read, *recorded.glob("*.md")})
    parts = [
        f"{_counted(len(read), 'file')}, {_counted(len(lines), 'line')}",
        f"{silent} have neither response, result nor error (are they the exported requests?)" if silent else "",
        f"{others} are to none of these requests (another prompt, model or setting?)" if others else "",
        f"passed over: {', '.join(f'{path.name}/' if path.is_dir() else path.name for path in left)}" if left else "",
    ]
    return "; ".join(filter(None, parts))


def _files(recorded: Path) -> list[Path]:
    return [recorded] if recorded.is_file() else sorted(recorded.glob("*.jsonl"))


def _lines(recorded: Path) -> Iterator[tuple[Path, int, _Line]]:
    for path in _files(recorded):
        for number, values in read_json_lines(path):
            yield path, number, _checked(path, number, values)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _checked(path: Path, number: int, values: dict[str, Any]) -> _Line:
    try:
        line = _Line.model_validate(values)
    except ValidationError as error:
        raise DataError(path, number, f"not a line of a batch output file: {problem_of(error)}") from None
    if (status := _status(line)) in FATAL_HINTS:
        raise DataError(
            path,
            number,
            f"status {status}, {json.dumps(_error_of(line))}: {FATAL_HINTS[status]}; delete the line, and have the "
            "request answered where the model is known",
        )
    return line


def _status(line: _Line) -> int | None:
    """The HTTP status of a line; None where it has none: expired, cancelled, never answered."""
    if line.response is not None:
        return line.response.status_code
    if line.result is None or line.result.type not in ("succeeded", "errored"):
        return None
    return 200 if line.result.type == "succeeded" else status_of(_innermost(line.result.error))


def _error_of(line: _Line) -> Any:
    if line.response is not None:
        return line.error or line.response.body
    return _innermost(line.result.error) if line.result else line.error


def _innermost(error: Any) -> Any:
    """An error of Anthropic's form, which stands in an object that is named like it."""
    while isinstance(error, dict) and isinstance(error.get("error"), dict):
        error = error["error"]
    return error


def _response(path: Path, number: int, line: _Line) -> Response | RequestFailedError | None:
    """The response of a line; None where sending it again may bring one, so that the request stays open."""
    if (status := _status(line)) != 200:
        said = json.dumps(_error_of(line))
        return RequestFailedError("refused", said + way_on(said)) if status in NON_RETRYABLE else None
    body = line.response.body if line.response else line.result and line.result.message
    if isinstance(body, dict) and body.get("choices") == []:
        return None
    try:
        return read_completion(body, engine="batch", model="unknown", seconds=None)
    except EngineError as error:
        return RequestFailedError("refused", str(error)) if error.status in NON_RETRYABLE else None
    except (ValueError, RecursionError) as error:
        problem = f"response.body is no chat completion ({error})"
        raise DataError(path, number, f"not a line of a batch output file: {problem}") from None
