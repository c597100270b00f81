"""One MLflow run per executed stage, as a `with` block that no trouble with MLflow can disturb."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Real
from pathlib import Path
from typing import Any

from relseed.pipeline.errors import printable
from relseed.tracking.provenance import commit_tags, dvc_hashes, experiment_tags, repository_root
from relseed.tracking.store import Store, open_store


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Join the keys of nested mappings with dots; everything else, lists included, is a value."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        name = f"{prefix}{key}"
        flat |= flatten(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return flat


class Run:
    """The run of a stage. Its first trouble with MLflow is one line on stderr; from then on it does nothing."""

    def __init__(self) -> None:
        self._store: Store | None = None
        self._id = ""
        self._system_metrics: Any = None

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log the numbers among (nested) `metrics`, as points of curves where `step` is given."""
        self._attempt(lambda store: self._log_metrics(store, metrics, step or 0))

    def log_file(self, path: Path) -> None:
        """Attach a copy of a file; for what people look at in MLflow, not for what DVC holds."""
        self._attempt(lambda store: store.in_time(store.client.log_artifact, self._id, str(path)))

    def _attempt(self, action: Callable[[Store], object]) -> None:
        if self._store is None:
            return
        try:
            action(self._store)
        except Exception as error:
            self._store = None
            _warn(error)

    def _start(self, stage: str, system: str | None, params: Mapping[str, Any], reads: Sequence[Path]) -> None:
        try:
            self._store = open_store(repository_root())
        except Exception as error:
            _warn(error)
        self._attempt(lambda store: self._create(store, stage, system, params))
        self._attempt(lambda store: self._log_data(store, dvc_hashes(reads), "reads"))

    def _create(self, store: Store, stage: str, system: str | None, params: Mapping[str, Any]) -> None:
        from mlflow.entities import Param
        from mlflow.tracking.context.registry import resolve_tags

        tags = resolve_tags(experiment_tags(stage, system) | commit_tags())
        name = os.environ.get("DVC_STAGE") or stage
        run = store.in_time(store.client.create_run, store.experiment_id, tags=tags, run_name=name)
        self._id = run.info.run_id
        flat = [Param(_key(name), str(value)) for name, value in flatten(params).items()]
        store.in_time(store.client.log_batch, self._id, params=flat)
        self._system_metrics = _start_system_metrics(self._id)

    def _log_metrics(self, store: Store, metrics: Mapping[str, Any], step: int) -> None:
        from mlflow.entities import Metric
        from mlflow.utils.time import get_current_time_millis

        now = get_current_time_millis()
        numbers = {key: value for key, value in flatten(metrics).items() if _is_number(value)}
        batch = [Metric(_key(key), float(value), now, step) for key, value in numbers.items()]
        store.in_time(store.client.log_batch, self._id, metrics=batch)

    def _log_data(self, store: Store, hashes: Mapping[str, str], context: str) -> None:
        """Tag the run with hashes, and refer to what they belong to as datasets and (written) models."""
        from mlflow.entities import RunTag

        tags = [RunTag(_key(f"dvc.{context}.{path}"), md5) for path, md5 in hashes.items()]
        store.in_time(store.client.log_batch, self._id, tags=tags)
        datasets = [_dataset(path, md5, context) for path, md5 in hashes.items() if not _is_model(path)]
        if datasets:
            store.in_time(store.client.log_inputs, self._id, datasets)
        if context == "writes":
            for path, md5 in hashes.items():
                if _is_model(path):
                    _create_model(store, self._id, path, md5)

    def _finish(self, status: str, writes: Sequence[Path]) -> None:
        self._attempt(lambda store: self._log_data(store, dvc_hashes(writes), "writes"))
        self._attempt(lambda store: store.in_time(store.client.set_terminated, self._id, status))
        # Stopped last: it leaves by itself once the run has ended, and would wait for a server that is gone.
        if self._system_metrics is not None:
            self._attempt(lambda store: store.in_time(self._system_metrics.finish))


@contextmanager
def tracked(
    stage: str,
    *,
    params: Mapping[str, Any],
    reads: Sequence[Path] = (),
    writes: Sequence[Path] = (),
    system: str | None = None,
) -> Iterator[Run]:
    """Track the block as one MLflow run, named DVC_STAGE or `stage`.

    The run carries `params` (nested ones joined with dots), tags for stage, system, DVC experiment and
    commit, and the DVC hashes of `reads` (taken first) and of `writes` (taken when the block has ended
    well). What lies under models/ becomes an external model of MLflow, all else a dataset; neither is
    copied. An exception marks the run FAILED, an interrupt KILLED, and both propagate.

    Trouble with MLflow costs one line on stderr and under two seconds, whatever it is; only where other
    processes are creating the database does a stage wait for its turn.
    DISABLE_MLFLOW_INTEGRATION=TRUE, as transformers knows it, turns tracking off.
    """
    run = Run()
    if os.environ.get("DISABLE_MLFLOW_INTEGRATION", "").upper() != "TRUE":
        run._start(stage, system, params, reads)
    try:
        yield run
    except BaseException as error:
        run._finish("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED", ())
        raise
    run._finish("FINISHED", writes)


def _warn(error: Exception) -> None:
    said = printable(" ".join(f"{type(error).__name__}: {error}".split()))[:300]
    print(
        f"warning: MLflow is left out for the rest of this stage, its results are unaffected: {said}",
        file=sys.stderr,
        flush=True,
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _key(name: str) -> str:
    """`name` in the characters that MLflow takes: labels such as Cause-Effect(e1,e2) have others."""
    return re.sub(r"[^\w\-./ :]", "_", name)


def _is_model(path: str) -> bool:
    return path.startswith("models/")


def _dataset(path: str, md5: str, context: str) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    dataset = Dataset(name=path, digest=md5, source_type="local", source=json.dumps({"uri": path}))
    return DatasetInput(dataset, [InputTag("mlflow.data.context", context)])


def _create_model(store: Store, run_id: str, path: str, md5: str) -> None:
    import mlflow

    store.in_time(
        mlflow.create_external_model,
        path.removeprefix("models/").replace("/", "-"),
        source_run_id=run_id,
        params={"dvc.path": path, "dvc.md5": md5},
        experiment_id=store.experiment_id,
    )


def _start_system_metrics(run_id: str) -> Any:
    """MLflow's monitor of the machine, where there is an NVIDIA GPU that it can read; else None."""
    try:
        import pynvml

        pynvml.nvmlInit()
        if pynvml.nvmlDeviceGetCount() == 0:
            return None
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        monitor = SystemMetricsMonitor(run_id)
    except Exception:
        return None
    monitor.start()
    return monitor
