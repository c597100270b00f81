"""An extractor as an MLflow model: `mlflow models serve` answers HTTP with it, `mlflow.pyfunc.load_model` loads it.

The files of MLflow lie beside the weights of a system's extractors, with the code that labels, so that neither needs
a checkout. Of several random seeds the best on validation answers.
"""

import re
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import relseed
from relseed.classifier.labelling import label, open_extractor
from relseed.tasks.task import Task

if TYPE_CHECKING:
    from pandas import DataFrame

# What labelling imports; head, task and what they import come on top. A test loads the model where there is no other
# relseed.
_CODE = (
    "__init__.py",
    "classifier/__init__.py",
    "classifier/checkpoint.py",
    "classifier/decision.py",
    "classifier/encoding.py",
    "classifier/heads/__init__.py",
    "classifier/heads/mentions.py",
    "classifier/inference.py",
    "classifier/labelling.py",
    "classifier/last_layer.py",
    "classifier/losses/__init__.py",
    "classifier/losses/targets.py",
    "classifier/model.py",
    "classifier/serving.py",
    "pipeline/__init__.py",
    "pipeline/errors.py",
    "pipeline/named.py",
    "pipeline/outputs.py",
    "pipeline/progress.py",
    "pipeline/secrets.py",
    "pipeline/templates.py",
    "records/__init__.py",
    "records/files.py",
    "tasks/__init__.py",
    "tasks/task.py",
    "training/__init__.py",
    "training/batches.py",
    "training/device.py",
    "training/encoders.py",
)
_REQUIREMENTS = (
    "filelock", "huggingface-hub", "jinja2", "mlflow", "numpy", "pandas", "psutil", "pydantic", "safetensors", "torch",
    "tqdm", "transformers",
)  # fmt: skip
_PARAMS = ("threshold", "negatives")  # of a prediction
_PYTHON_ENV = "python: '3.11'\nbuild_dependencies:\n- pip\ndependencies:\n- -r requirements.txt\n"


class Labeller:
    """What MLflow calls."""

    def __init__(self, folder: Path) -> None:
        self._extractor = open_extractor(folder)

    def predict(self, model_input: "DataFrame", params: dict[str, Any] | None = None) -> "DataFrame":
        """Label the rows of a table whose columns are those of the task's items: `text`, for relations with tags.

        Returns `predicted`, its `probability`, `best` (the likeliest label that asserts something) with its
        `best_probability`, the `probabilities` of all labels, and `unlike`, why a row is like nothing in training; a
        row each. `params` may hold `threshold` and `negatives`, as `relseed predict` takes them.

        Raises:
            ValueError: A row holds no item of the task.
            UserError: The extractor has no use for a parameter.
        """
        import pandas

        rows = [{name: value for name, value in row.items() if value == value} for row in _records(model_input)]
        given = {name: value for name, value in (params or {}).items() if name in _PARAMS}
        found = list(label(self._extractor, [self._extractor.task.read_item(row) for row in rows], **given))
        return pandas.DataFrame(
            {
                "predicted": [labelled["predicted"] for labelled in found],
                "probability": [labelled["probabilities"][labelled["predicted"]] for labelled in found],
                "best": [labelled["best"]["label"] for labelled in found],
                "best_probability": [labelled["best"]["probability"] for labelled in found],
                "probabilities": [labelled["probabilities"] for labelled in found],
                "unlike": ["; ".join(labelled.get("unlike", ())) for labelled in found],
            }
        )


def _records(table: "DataFrame") -> list[dict[str, Any]]:
    return table.astype(object).where(table.notna(), float("nan")).to_dict(orient="records")


def _load_pyfunc(path: str) -> Labeller:
    """Load the model in a folder: MLflow calls this by its name."""
    return Labeller(Path(path))


# What makes a folder of extractors an MLflow model.
MLFLOW_MODEL = ("MLmodel", "python_env.yaml", "requirements.txt", "code")


def write_mlflow_model(folder: Path, task: Task, head: str, loss: str) -> None:
    """Make the folder of a system's extractors an MLflow model, the same bytes whenever it is written."""
    from mlflow import pyfunc
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    library, code = Path(relseed.__path__[0]), folder / "code/relseed"
    own = [f"classifier/heads/{head}.py", f"classifier/losses/{loss}.py", *_files_of(library, f"tasks/{task.name}")]
    for name in dict.fromkeys([*_CODE, *own, *_imported(library / own[0])]):
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(library / name, code / name)
    # Without what a build adds to its version (`+cpu`): no registry has that.
    requirements = "".join(f"{name}=={version(name).partition('+')[0]}\n" for name in _REQUIREMENTS)
    (folder / "requirements.txt").write_text(requirements, encoding="utf-8")
    (folder / "python_env.yaml").write_text(_PYTHON_ENV, encoding="utf-8")
    model = Model(utc_time_created="1970-01-01 00:00:00", model_uuid="0" * 32)
    columns = [ColSpec("string", name, required=required) for name, required in task.columns.items()]
    options = ParamSchema([ParamSpec(name, "double", None) for name in _PARAMS])  # None: as the checkpoint has it
    model.signature = ModelSignature(inputs=Schema(list(columns)), params=options)
    pyfunc.add_to_model(model, loader_module=__name__, code="code", python_env="python_env.yaml")
    model.save(folder / "MLmodel")


def _imported(module: Path) -> list[str]:
    """The modules of the library that a module imports where it is loaded."""
    names = re.findall(r"^from relseed\.([\w.]+) import", module.read_text(encoding="utf-8"), re.M)
    return [
        f"{name.replace('.', '/')}.py"
        for name in names
        if (module.parents[2] / f"{name.replace('.', '/')}.py").is_file()
    ]


def _files_of(library: Path, package: str) -> list[str]:
    return [path.relative_to(library).as_posix() for path in sorted((library / package).rglob("*.py"))]
