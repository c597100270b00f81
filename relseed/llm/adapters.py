"""LoRA adapters in a folder, and which of them answers for which label."""

from pydantic import BaseModel, ConfigDict

ADAPTERS = "adapters.json"  # in a folder of adapters, which `dpo` writes


class Adapters(BaseModel):
    """Which adapter answers for each label: the file `adapters.json` beside the adapters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by_label: dict[str, str]
