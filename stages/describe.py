"""Describe what methods write: the JSON Schema of each kind of file, beside the files.

Reads    nothing
Writes   ACCEPTED, REJECTED: the schema of a line of data/accepted/*.jsonl and of data/rejected/*.jsonl;
         POOL: that of results/pools/*.json
Alone    python -m stages.describe data/accepted/line.schema.json data/rejected/line.schema.json
         results/pools/pool.schema.json

It runs whatever `methods` holds, so that the folders which `report` and `select` read are there even where nothing is
written.
"""

import json
from contextlib import ExitStack
from pathlib import Path

from pydantic import BaseModel

from relseed.generation.pool import Pool
from relseed.pipeline.command import run
from relseed.pipeline.outputs import output_file
from relseed.tasks.relation.written import Accepted, Rejected
from relseed.tracking.run import tracked


def main(accepted: Path, rejected: Path, pool: Path) -> None:
    """Write all three schemas or, if one cannot be written, none."""
    models: dict[Path, type[BaseModel]] = {accepted: Accepted, rejected: Rejected, pool: Pool}
    with tracked("describe", params={}, reads=[], writes=list(models)), ExitStack() as outputs:
        for path, model in models.items():
            text = json.dumps(model.model_json_schema(), indent=2)
            outputs.enter_context(output_file(path)).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
