"""The next token of each request in a batch: allowed by its schema, drawn by its own random seed."""

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import llguidance
import llguidance.numpy
import numpy as np
import torch
from transformers import LogitsProcessor

from relseed.llm.request import Request

_NEVER = float("-inf")
_LIKELIEST = 1024  # tokens among which the nucleus is looked for first: sorting a whole vocabulary takes longer


class ConstrainedSampler(LogitsProcessor):
    """Leaves one token to each request, whoever shares the batch.

    Schemas are kept by llguidance; a token is drawn by one random number of the request's own generator. All rows are
    worked out together: in Python, one by one, they would take longer than a small model does.
    """

    def __init__(self, requests: Sequence[Request], grammars: llguidance.LLTokenizer | None, end: int) -> None:
        self._end, self._steps = end, 0
        self._generators = [torch.Generator().manual_seed(request.seed) for request in requests]
        self._temperature = torch.tensor([[_given(request.temperature)] for request in requests])
        self._top_p = torch.tensor([[_given(request.top_p)] for request in requests])
        schemas = [(row, each.response_schema) for row, each in enumerate(requests) if each.response_schema is not None]
        self._matchers: dict[int, llguidance.LLMatcher] = {}
        if schemas:
            assert grammars is not None, "a schema is kept by the tokens of the model: give them"
            self._matchers = {row: llguidance.LLMatcher(grammars, _grammar(schema)) for row, schema in schemas}

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:  # type: ignore[override]
        """Scores [batch, tokens] that leave one token each: called by `generate` for each step."""
        if self._steps:
            self._consume(input_ids[:, -1].tolist())
        self._steps += 1
        logits = scores.float().cpu()
        if self._matchers:
            logits = logits.masked_fill(~self._allowed(*logits.shape), _NEVER)
        chosen = self._chosen(logits).to(scores.device)
        return torch.full_like(scores, _NEVER).scatter_(1, chosen[:, None], 0.0)  # type: ignore[return-value]

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows alone, in this order."""
        self._generators = [self._generators[row] for row in rows]
        self._temperature, self._top_p = self._temperature[rows], self._top_p[rows]
        self._matchers = {at: self._matchers[row] for at, row in enumerate(rows) if row in self._matchers}

    @cached_property
    def _executor(self) -> llguidance.LLExecutor:
        """Threads, which only schemas need."""
        return llguidance.LLExecutor()

    def _consume(self, last: Sequence[int]) -> None:
        for row, matcher in self._matchers.items():
            if not matcher.is_stopped():
                matcher.consume_token(last[row])

    def _allowed(self, batch: int, tokens: int) -> torch.Tensor:
        """Which tokens may come next, [batch, tokens]; the end alone where nothing else may."""
        bits = llguidance.numpy.allocate_token_bitmask(batch, tokens)
        going = [(matcher, row) for row, matcher in self._matchers.items() if not matcher.is_stopped()]
        bits[[row for row, matcher in self._matchers.items() if matcher.is_stopped()]] = 0
        if going:
            llguidance.numpy.fill_next_token_bitmask_par(self._executor, going, bits)
        allowed = np.unpackbits(bits.view(np.uint8), axis=1, count=tokens, bitorder="little").view(bool)
        allowed[~allowed.any(axis=1), self._end] = True
        return torch.from_numpy(allowed)

    def _chosen(self, logits: torch.Tensor) -> torch.Tensor:
        """A token for each row of `logits`, [batch]: the likeliest at temperature 0, else one that is drawn."""
        likeliest = logits.argmax(1)
        if not self._temperature.any():
            return likeliest
        warm = torch.where(self._temperature > 0, self._temperature, 1.0)
        sums = nucleus((logits / warm).softmax(1), self._top_p).cumsum(1)
        drawn = torch.stack([torch.rand(1, generator=generator) for generator in self._generators])
        places = torch.searchsorted(sums, drawn.double() * sums[:, -1:], right=True)
        return torch.where(self._temperature[:, 0] > 0, places[:, 0], likeliest)


def nucleus(probabilities: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """Probabilities [batch, tokens], those outside of the nucleus 0 (Holtzman et al. 2020), in float64.

    The nucleus are the likeliest tokens that together have `top_p` [batch, 1], and those as likely as the last of them;
    where `top_p` is 1, all are in it.
    """
    exact = probabilities.double()
    if bool((top_p >= 1).all()):
        return exact
    count = min(_LIKELIEST, exact.shape[1])
    top = exact.topk(count, dim=1).values
    if count < exact.shape[1] and bool((top.sum(1, keepdim=True) < top_p).any()):
        top = exact.sort(dim=1, descending=True).values
    inside = top.cumsum(1) - top < top_p
    least = torch.where(inside, top, torch.inf).amin(1, keepdim=True)
    return torch.where((exact >= least) | (top_p >= 1), exact, 0.0)


def _given(parameter: float | None) -> float:
    """A temperature or top-p; 1, which leaves probabilities as they are, where a request has none."""
    return 1.0 if parameter is None else float(parameter)


def _grammar(schema: dict[str, Any]) -> str:
    if "regex" in schema:
        return llguidance.LLMatcher.grammar_from_regex(schema["regex"])
    return llguidance.LLMatcher.grammar_from_json_schema(json.dumps(schema))
