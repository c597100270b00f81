"""Having items labelled by the log-probability that a model in this process gives to the name of each label."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch.nn.functional import pad
from transformers import DynamicCache

from relseed.labelling.labeller import Reading
from relseed.labelling.prompt import LabelPrompt
from relseed.labelling.record import LLMLabel
from relseed.llm.engines.transformers import load_causal_model, prompt_text
from relseed.llm.llm import LLM
from relseed.pipeline.errors import UserError
from relseed.pipeline.progress import bar


def label_by_scores(prompts: Sequence[LabelPrompt], answer: Reading, llm: LLM) -> list[LLMLabel]:
    """Label each item with the label whose name scores best after its prompt.

    Args:
        prompts: One for each item.
        answer: `score_sum`, `score_mean` (over the tokens of a name and of the end), or `score_calibrated`: the mean,
            less that after the same prompt about nothing (Zhao et al. 2021; over whole names, Sanz-Guerrero and
            von der Wense 2025).
        llm: Its engine is `transformers`.

    Weights are in float32: in bf16, the scores of names that are nearly as likely differ by rounding alone.

    Raises:
        UserError: There is no such model here, or a prompt has no room in it.
    """
    model, tokenizer = load_causal_model(llm.model, llm.revision)
    model.float()
    found = []
    for prompt in bar(prompts, desc="label by scores", unit="item"):
        scores, tokens = _scores(model, tokenizer, prompt, by_sum=answer == "score_sum")
        if answer == "score_calibrated":
            neutral, further = _scores(model, tokenizer, replace(prompt, neutral=True), by_sum=False)
            scores, tokens = scores - neutral, tokens + further
        label = list(prompt.labels.values())[int(scores.argmax())].label
        found.append(
            LLMLabel(
                id=prompt.item.id,
                label=prompt.item.label,
                predicted=label,
                answer="",
                prompt_tokens=tokens,
                completion_tokens=0,
                counted=True,
            )
        )
    return found


@torch.inference_mode()
def _scores(model: Any, tokenizer: Any, prompt: LabelPrompt, *, by_sum: bool) -> tuple[torch.Tensor, int]:
    """The log-probability of each label's name, [labels] in the order of the prompt, and how long the prompt is."""
    end = tokenizer.eos_token_id
    asked = tokenizer(prompt_text(tokenizer, prompt.messages()), add_special_tokens=False, return_tensors="pt")
    names = [tokenizer(entry.name, add_special_tokens=False)["input_ids"] + [end] for entry in prompt.labels.values()]
    longest = max(map(len, names))
    if (length := asked["input_ids"].shape[1] + longest) > model.config.max_position_embeddings:
        limit = model.config.max_position_embeddings
        raise UserError(f"the model has room for {limit} tokens, a prompt with a label takes {length}: show less")
    ids = torch.stack([pad(torch.tensor(name), (0, longest - len(name)), value=end) for name in names])
    mask = torch.stack([pad(torch.ones(len(name)), (0, longest - len(name))) for name in names]).to(model.device)
    cache = DynamicCache(config=model.config)
    first = model(**asked.to(model.device), past_key_values=cache, logits_to_keep=1).logits
    cache.batch_repeat_interleave(len(names))
    later = model(ids[:, :-1].to(model.device), past_key_values=cache).logits
    logits = torch.cat([first.expand(len(names), -1, -1), later], dim=1).float().log_softmax(-1)
    each = logits.gather(-1, ids.to(model.device)[..., None])[..., 0] * mask
    scores = each.sum(1) if by_sum else each.sum(1) / mask.sum(1)
    return scores.cpu(), asked["input_ids"].shape[1]
