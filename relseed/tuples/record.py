"""What a source of tuples leaves out, as records."""

from pydantic import BaseModel, ConfigDict


class LeftOut(BaseModel):
    """What did not become a tuple, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    reason: str  # to count by
    found: str  # what stood there
