"""Write the generated parts of README.md: the graph, the stages, the measured results, what lies where.

    python -m docs.readme    (or `make docs`; tests/test_readme.py compares)

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`.
"""

import ast
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dvc.repo import Repo
from dvc.stage import PipelineStage

from benchmarks.finetune import RESULT as FINETUNE
from benchmarks.generate import RESULT as GENERATE
from benchmarks.gold import RESULT as GOLD
from benchmarks.gold import over_draws
from benchmarks.hardware import RESULT as HARDWARE
from benchmarks.probe import RESULT as PROBE
from benchmarks.study import FOLDER as STUDIES
from benchmarks.study import read_study
from benchmarks.tuned import METHODS
from benchmarks.tuned import RESULT as TUNED
from benchmarks.written import RESULT as WRITTEN
from relseed.evaluation.summary import spread
from relseed.preference.pairs import ALIKE
from relseed.quality.diversity import Diversity

README = Path("README.md")
_PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.S)
_NAMES = {"gazette": "Gazette", "semeval": "SemEval-2010 Task 8"}


def graph() -> str:
    """The pipeline as a Mermaid diagram, one node per stage, drawn by DVC."""
    command = ["dvc", "dag", "--collapse-foreach-matrix", "--md"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def stages() -> str:
    """What each stage does, reads and writes; several of one verb in one row, `*` for what tells them apart."""
    rows = ["| stage | what it does | reads | writes |", "|---|---|---|---|"]
    with Repo() as repo:
        root = Path(repo.root_dir)
        found = [stage for stage in repo.index.stages if isinstance(stage, PipelineStage)]
    firsts = {stage.name.partition("@")[0]: stage for stage in reversed(found)}
    for name, stage in sorted(firsts.items(), key=lambda pair: found.index(pair[1])):
        which = stage.name.partition("@")[2]
        reads, writes = (
            [path.replace(which, "*") if which else path for path in _paths(entries, root)]
            for entries in (stage.deps, stage.outs)
        )
        data = [path for path in reads if not path.startswith(("relseed/", "stages/"))]
        rows.append(f"| `{name}{'@*' if which else ''}` | {stage.desc} | {_code(data)} | {_code(writes)} |")
    return "\n".join(rows)


def _paths(entries: list, root: Path) -> list[str]:
    return [Path(entry.fs_path).relative_to(root).as_posix() for entry in entries if entry.hash_name != "params"]


def _code(paths: list[str]) -> str:
    """Paths as code, those that share a folder written once."""
    folders: dict[str, list[str]] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        folders.setdefault(folder, []).append(name)
    return "<br>".join(f"`{folder}/`: {', '.join(names)}" if folder else names[0] for folder, names in folders.items())


def results() -> str:
    """What `gold` scores, from benchmarks/gold.json."""
    rows = [
        "| dataset | K | micro-F1 | ± draws | ± training seeds | each draw | macro-F1 | official macro-F1 |",
        "|---|--:|--:|--:|--:|---|--:|--:|",
    ]
    for dataset, shots, draws in _measured():
        micro, macro = over_draws(draws), over_draws(draws, "macro_f1")
        official = f"{100 * over_draws(draws, 'semeval_macro_f1')['mean']:.1f}" if dataset == "semeval" else "–"
        each = ", ".join(f"{100 * metrics['gold']['micro_f1']['mean']:.1f}" for metrics in draws.values())
        rows.append(
            f"| {_NAMES[dataset]} | {shots} | **{100 * micro['mean']:.1f}** | {100 * micro['std_draws']:.1f} "
            f"| {100 * micro['std_seeds']:.1f} | {each} | {100 * macro['mean']:.1f} | {official} |"
        )
    return "\n".join(rows)


def baselines() -> str:
    """What the baselines score, from benchmarks/gold.json: they don't depend on the draw."""
    rows = ["| dataset | majority | types only | random |", "|---|--:|--:|--:|"]
    for dataset, metrics in {dataset: draws["1"] for dataset, _, draws in _measured()}.items():
        scores = [f"{100 * metrics[key]['micro_f1']['mean']:.1f}" for key in ("majority", "types_only", "random")]
        rows.append(f"| {_NAMES[dataset]} | {' | '.join(scores)} |")
    return "\n".join(rows)


def written() -> str:
    """What written sentences are worth, from benchmarks/written.json: gold, and each system with and without seeds."""
    rows = ["| system | real | written | micro-F1 | ± training seeds | 95 % interval |", "|---|--:|--:|--:|--:|---|"]
    measured = json.loads(WRITTEN.read_text(encoding="utf-8"))
    seen: dict[tuple[str, int, int], str] = {}
    for setting, one in measured.items():
        metrics = one["metrics"]
        for system in ("gold", "unleash", "diverse"):
            pure = system != "gold" and setting.startswith("pure")
            scores, sizes = metrics[system]["micro_f1"], metrics[system]["trained_on"]
            name = f"{system}, pure" if pure else system
            percent = {key: f"{100 * scores[key]:.1f}" for key in ("mean", "std", "low", "high")}
            seen[system, sizes["real"], sizes["written"]] = (
                f"| {name} | {sizes['real']} | {sizes['written']} | **{percent['mean']}** | {percent['std']} "
                f"| {percent['low']} – {percent['high']} |"
            )
    order = {"gold": 0, "unleash": 1, "diverse": 2}
    ordered = sorted(seen, key=lambda key: (order[key[0]], -key[1], key[2]))
    return "\n".join([*rows, *(seen[key] for key in ordered)])


def probe() -> str:
    """What pre-training does to the embeddings of relation spans, from benchmarks/probe.json."""
    rows = [
        "| pre-training | cosine within a relation | between relations | nearest mean is right, % |",
        "|---|--:|--:|--:|",
    ]
    for name, one in json.loads(PROBE.read_text(encoding="utf-8"))["variants"].items():
        rows.append(f"| {name} | {one['within']:.3f} | {one['between']:.3f} | {100 * one['nearest']:.1f} |")
    return "\n".join(rows)


# Tables of studies by the names of their parts.
_STUDIES: dict[str, Callable[[], str]] = {
    "tkre": lambda: _study(["tkre-table3"], "variant", "the whole"),
    "pretraining": lambda: _study(["tkre-pretraining"], "pre-training", "none"),
    "amount": lambda: _study(["tkre-written"], "written per relation", "none"),
    "heads": lambda: _study(["gold-heads", "tkre-heads"], "system, head", "typed markers"),
    "added": lambda: _study(["diverse-added"], "sentences of the small generator", "without", validation=True),
    "alone": lambda: _study(["diverse-alone"], "sentences of the small generator", "seeds alone"),
    "ablation": lambda: _study(["diverse-ablation"], "variant", "both"),
}


def _study(names: list[str], variant: str, first: str, *, validation: bool = False) -> str:
    """Studies as one table; `first` is what the variants are compared with, in words."""
    rest = f"± training seeds | difference from {first}, 95 % interval |"
    rows = [
        f"| {variant} | real | written | {'validation | ' if validation else ''}micro-F1 | {rest}",
        f"|---|--:|--:|{'--:|' if validation else ''}--:|--:|---|",
    ]
    for study in names:
        measured = json.loads((STUDIES / f"{study}.json").read_text(encoding="utf-8"))["variants"]
        prefix = f"`{read_study(study).system}`, " if len(names) > 1 else ""
        for number, (name, one) in enumerate(measured.items()):
            percent = {key: 100 * one[key] for key in ("mean", "std", "difference", "low", "high")}
            apart = f"{percent['difference']:+.1f} ({percent['low']:+.1f} to {percent['high']:+.1f})" if number else "–"
            sizes = f"{one['real']} | {one['written']}"
            if validation:
                sizes += f" | {100 * one['validation']:.1f}"
            rows.append(f"| {prefix}{name} | {sizes} | **{percent['mean']:.1f}** | {percent['std']:.1f} | {apart} |")
    return "\n".join(rows)


def tuned() -> str:
    """What DPO does to the small generator, from benchmarks/tuned.json: means and deviations over generator seeds."""
    runs = _tuned_runs("one_by_one", "all_at_once")
    reasons = sorted({reason for each in runs.values() for one in each for reason in one["rejected"]})
    columns = [[_tuned_figures(one, reasons) for one in each] for each in runs.values()]
    rows = [f"| | {' | '.join(f'{setting}, {method}' for setting, method in runs)} |", f"|---|{'--:|' * len(runs)}"]
    for label in columns[0][0]:
        cells = (spread([one[label] for one in column]) for column in columns)
        rows.append(f"| {label} | {' | '.join(f'{cell.mean:.3g} ± {cell.std or 0:.2g}' for cell in cells)} |")
    return "\n".join(rows)


def settings() -> str:
    """The same in short, one by one, at other settings and of another taught model: means over generator seeds."""
    runs = _tuned_runs("cold", "one_by_one", "warm", "retaught")
    columns = {run: [_tuned_in_short(one) for one in each] for run, each in runs.items()}
    labels = next(iter(columns.values()))[0]
    rows = [f"| setting | generator seeds | drafts | {' | '.join(labels)} |", f"|---|{'--:|' * (2 + len(labels))}"]
    for (setting, method), column in columns.items():
        means = " | ".join(f"{spread([one[label] for one in column]).mean:.3g}" for label in labels)
        drafts = sum(one["drafts"] for one in runs[setting, method])
        rows.append(f"| {setting}, {method} | {len(column)} | {drafts:,} | {means} |")
    return "\n".join(rows)


def _tuned_runs(*names: str) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The figures of each generator seed, by setting and method."""
    measured = json.loads(TUNED.read_text(encoding="utf-8"))
    return {
        (name.replace("_", " "), method): list(measured[name]["methods"][method].values())
        for name in names
        for method in METHODS
    }


def _tuned_in_short(one: dict[str, Any]) -> dict[str, float]:
    """The columns of `settings` for one run."""
    percent = 100 / one["drafts"]
    return {
        "accepted, %": percent * one["accepted"],
        "repeats, %": percent * sum(one["rejected"].get(reason, 0) for reason in ALIKE),
        "near-copies, %": percent * one["alike"]["0.5"],
        "likenesses, %": percent * one["alike"]["0.2"],
        "borne out, %": percent * one["borne_out"],
        "self-BLEU": one["diversity"]["self_bleu"],
        "Vendi": one["diversity"]["vendi"],
    }


def _tuned_figures(one: dict[str, Any], reasons: list[str]) -> dict[str, float]:
    """The rows of `tuned` for one run."""
    percent = 100 / one["drafts"]
    return {
        "accepted by the checks, %": percent * one["accepted"],
        **{f"rejected: {reason.replace('_', ' ')}, %": percent * one["rejected"].get(reason, 0) for reason in reasons},
        "similarity to a sample shown ≥ 0.5, %": percent * one["alike"]["0.5"],
        "similarity to a sample shown ≥ 0.2, %": percent * one["alike"]["0.2"],
        "4-grams of a sample shown, %": 100 * one["copied_grams"],
        "accepted by the judges, too, %": percent * one["borne_out"],
        **{name.replace("_", "-"): one["diversity"][name] for name in Diversity.model_fields},
        "tokens per accepted": one["tokens_per_accepted"],
        "seconds per accepted": one["seconds_per_accepted"],
    }


def training() -> str:
    """How fast training is beside a plain loop, from benchmarks/finetune.json."""
    measured = json.loads(FINETUNE.read_text(encoding="utf-8"))
    rows = ["| loop | sentences per second | ours is faster by | micro-F1 on validation |", "|---|--:|--:|--:|"]
    for name, rate in measured["sentences_per_second"].items():
        times = measured["ours_is_faster_by"].get(name)
        f1, runs = measured["micro_f1"][name], len(measured["runs"][name])
        score = f"{100 * f1['mean']:.1f} ± {100 * f1['std']:.1f} ({runs} trainings)"
        rows.append(f"| {name} | {rate:.1f} | {f'{times:.2f} times' if times else '–'} | {score} |")
    return "\n".join(rows)


def hardware() -> str:
    """How fast machines train, from benchmarks/hardware.json."""
    rows = [
        "| machine | encoder | batch | `finetune`, sentences per second | GPU memory | `pretrain` | GPU memory |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    every = json.loads(HARDWARE.read_text(encoding="utf-8")).values()
    for one in sorted(every, key=lambda one: (one["machine"], one["encoder"], one["batch_size"])):
        cells = [one["machine"], one["encoder"], str(one["batch_size"])]
        for stage in (one["finetune"], one["pretrain"]):
            memory = stage["gpu_memory_mib"]
            cells += [f"{stage['sentences_per_second']:,.0f}", f"{memory / 1024:.1f} GiB" if memory else "–"]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def asking() -> str:
    """How fast requests are answered beside a bare loop, from benchmarks/generate.json."""
    measured = json.loads(GENERATE.read_text(encoding="utf-8"))
    rows = ["| client | requests per second |", "|---|--:|"]
    rows += [f"| {name} | {rate:,.0f} |" for name, rate in measured["requests_per_second"].items()]
    share, times = 100 * measured["ours_per_bare"], measured["cache_is_faster_by"]
    rows += ["", f"Ours reaches {share:.0f} % of the bare loop; the cache is {times:.0f} times faster."]
    return "\n".join(rows)


def _measured() -> list[tuple[str, int, dict[str, dict[str, Any]]]]:
    """Dataset, K and the metrics of each draw, for each measured setting."""
    settings = json.loads(GOLD.read_text(encoding="utf-8"))
    parts = {name: name.partition("-") for name in settings}
    return sorted((parts[name][0], int(parts[name][2]), one["draws"]) for name, one in settings.items())


def files() -> str:
    """One line for each file of code: the first line of its docstring."""
    lines = []
    for folder in ("stages", "relseed", "benchmarks", "docs"):
        for path in sorted(Path(folder).rglob("*.py"), key=lambda one: (one.parent.as_posix(), one.name)):
            said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            name = f"{path.parent.as_posix()}/" if path.name == "__init__.py" else f"  {path.name}"
            lines.append(f"{name:<28}{said.splitlines()[0]}")
    return "\n".join(["```text", *lines, "```"])


PARTS: dict[str, Callable[[], str]] = {
    one.__name__: one
    for one in (graph, stages, results, baselines, written, probe, tuned, settings, training, hardware, asking, files)
} | _STUDIES


def generated(text: str) -> str:
    """`text` with every generated part as it should be."""
    return _PART.sub(lambda part: f"{part[1]}\n{PARTS[part[2]]()}\n\n{part[3]}", text)


if __name__ == "__main__":
    README.write_text(generated(README.read_text(encoding="utf-8")), encoding="utf-8")
