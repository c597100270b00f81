"""What tokens cost."""

from pydantic import Field

from relseed.pipeline.params import Section

_MILLION = 1_000_000


class Prices(Section):
    """What tokens cost, per million, in any currency; None: nobody says."""

    prompt: float | None = Field(default=None, ge=0)
    response: float | None = Field(default=None, ge=0)

    def cost(self, prompt_tokens: int, response_tokens: int) -> float | None:
        """What so many tokens cost, None without prices."""
        if self.prompt is None or self.response is None:
            return None
        return (prompt_tokens * self.prompt + response_tokens * self.response) / _MILLION
