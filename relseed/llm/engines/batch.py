"""Answers that come as a file: open requests go out as an OpenAI batch file, a batch's output file comes back in.

`vllm run-batch`, a provider's batch service or a patient person can answer the exported file.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from relseed.llm.request import Completion, Request, UnansweredError
from relseed.llm.statuses import CURES, FINAL
from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import main_checkout, output_file
from relseed.pipeline.params import Section
from relseed.records.files import DataError, problem_of, read_json_lines


class Batch(Section):
    """Where the files are."""

    answers: Path  # a folder of batch output files (*.jsonl)
    requests: Path  # a folder for the open requests, one file a stage and method


class _Message(BaseModel):
    content: str | None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Body(BaseModel):
    choices: list[_Choice]
    usage: _Usage | None = None
    model: str | None = None


class _Response(BaseModel):
    status_code: int
    body: Any = None


class _Line(BaseModel):
    """A line of a batch output file, as OpenAI and vLLM write it."""

    model_config = ConfigDict(extra="ignore")

    custom_id: str
    response: _Response | None = None
    error: Any = None


class BatchFile:
    """Answers from batch output files; what they lack is kept open, to be exported."""

    name = "batch"

    def __init__(self, params: Batch, title: str) -> None:
        """Read all answers. `title` names the file that open requests are exported to.

        Raises:
            DataError: A line is not one of a batch output file.
        """
        self._answers = read_answers(params.answers)
        self._folder = params.answers
        # Not in the temporary workspace of a queued experiment, which is gone when it has failed.
        self._export = main_checkout() / params.requests / f"{title}.jsonl"
        self._open: dict[str, Request] = {}

    async def complete(self, request: Request) -> Completion:
        """The recorded answer.

        Raises:
            UnansweredError: There is none, or the batch failed to answer this request.
        """
        answer = self._answers.get(request.key)
        if answer is None:
            self._open[request.key] = request
            raise UnansweredError("not_recorded", "no answer to this request is recorded")
        if isinstance(answer, UnansweredError):
            raise answer
        return answer

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
        raise UserError(
            f"{self._folder} has no answer to {len(self._open)} requests. Three ways on:\n"
            "  an endpoint: set teacher.engine to openai, teacher.model and openai.url, and OPENAI_API_KEY in the "
            "environment\n"
            "  vLLM: set teacher.engine to vllm and teacher.model, on a machine that can run the model\n"
            f"  a batch: the requests are in {self._export}; have them answered (`vllm run-batch -i {self._export} "
            f"-o answers.jsonl --model ...`, or a provider's batch service), put the answers into {self._folder} and "
            "run again; each request names teacher.model, so set that first to the model that will answer"
        )


def export_line(request: Request) -> str:
    """A request as a line of an OpenAI batch file, under its key."""
    line = {"custom_id": request.key, "method": "POST", "url": "/v1/chat/completions", "body": request.body()}
    return json.dumps(line, ensure_ascii=False) + "\n"


def read_answers(folder: Path) -> dict[str, Completion | UnansweredError]:
    """The answers in all files of a folder, by request key; of several to one request an answer beats a refusal.

    What failed for a reason that passes (expired, rate limited, a server at fault, an empty response) is no answer.

    Raises:
        DataError: A line is not one of a batch output file, or says that the batch went to the wrong place.
    """
    answers: dict[str, Completion | UnansweredError] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for number, values in read_json_lines(path):
            try:
                line = _Line.model_validate(values)
                answer = _answer(line)
            except ValidationError as error:
                problem = problem_of(error)
                raise DataError(path, number, f"not a line of a batch output file: {problem}") from None
            if line.response and line.response.status_code in CURES:
                raise DataError(
                    path,
                    number,
                    f"status {line.response.status_code}, {json.dumps(line.error or line.response.body)}: whoever "
                    "answered lacks the key, the credit or the model; delete the line, and have the request answered "
                    "where teacher.model is known",
                )
            if answer is not None and not isinstance(answers.get(line.custom_id), Completion):
                answers[line.custom_id] = answer
    return answers


def _answer(line: _Line) -> Completion | UnansweredError | None:
    """The answer of a line; None where asking again may bring one, so that the request stays open."""
    response = line.response
    if response is None or response.status_code != 200:
        if response is None or response.status_code not in FINAL:
            return None
        return UnansweredError("refused", json.dumps(line.error or response.body))
    body = _Body.model_validate(response.body)
    if not body.choices:
        return None
    return Completion.of(body, engine="batch", model="unknown", seconds=None)
