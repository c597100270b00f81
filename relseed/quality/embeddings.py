"""Sentence embeddings by the embedded MiniLM encoder, for measuring how unlike each other texts are."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from relseed.pipeline.progress import bar
from relseed.training.batches import by_length
from relseed.training.device import device
from relseed.training.encoders import load_encoder, load_tokenizer

ENCODER = "all-MiniLM-L6-v2"
_BATCH = 64


@torch.inference_mode()
def embed(texts: Sequence[str], desc: str) -> np.ndarray:
    """Unit vectors of texts, [texts, 384]: the mean of the token states, as Reimers and Gurevych (2019) pool them."""
    tokenizer = load_tokenizer(ENCODER)
    encoder: nn.Module = load_encoder(ENCODER, dropout=0.0)
    encoder.to(device()).eval()
    vectors = np.empty((len(texts), 384), dtype=np.float32)
    for indices in bar(by_length(list(map(len, texts)), _BATCH), desc=desc, unit="batch"):
        batch = tokenizer(
            [texts[index] for index in indices], padding=True, truncation=True, max_length=256, return_tensors="pt"
        ).to(device())
        states = encoder(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1)
        mean = (states * mask).sum(1) / mask.sum(1)
        vectors[indices] = functional.normalize(mean.float(), dim=-1).cpu().numpy()
    return vectors
