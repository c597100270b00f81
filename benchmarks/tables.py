"""The measured results as Markdown tables, for the documentation: one function for each file of results.

Everything is read from the JSON files beside this module. Scores are in percent.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from statistics import fmean, stdev
from typing import Any

from tabulate import tabulate

from benchmarks import finetune as finetuning
from benchmarks import generate as generating
from benchmarks import hardware as machines
from benchmarks import pipeline as pipelines
from benchmarks import predict as predicting
from benchmarks import probe as probing
from benchmarks import tuned as tuning
from benchmarks.results import read_results
from benchmarks.study import FOLDER, Study, read_study
from relseed.evaluation.spread import spread
from relseed.quality.diversity import Diversity
from relseed.quality.rules import COPIES

DASH = "–"
_NOT_RUN = "Not run yet: `python -m benchmarks.study run NAME` (benchmarks/studies)."
_CAREFUL = ["variant", "written", "micro-F1", "recall", "negatives found", "F1 at 80 %", "wire: F1"]
_CAREFUL += ["calibration error"]
_WRITTEN = ["system", "real", "written", "micro-F1", "± random seeds", "95 % interval"]


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[int] = (0,)) -> str:
    """A table whose numbers stand to the right; `left` are the columns of words."""
    sides = ["left" if column in left else "right" for column in range(len(header))]
    return tabulate(list(rows), header, tablefmt="pipe", colalign=sides, disable_numparse=True)


def study(names: Sequence[str], variant: str, first: str, *, validation: bool = False) -> str:
    """Studies as one table; `variant` heads the first column, `first` says what the variants are compared with."""
    header = [variant, "real", "written", *["validation"] * validation, "micro-F1", "± random seeds"]
    rows = []
    for name in names:
        chosen = read_study(name)
        for title, measured in _variants(name).items():
            for system, row in measured["systems"].items():
                label = f"`{system}`, {title}" if len(names) > 1 or len(chosen.systems) > 1 else title
                rows.append([f"{label}{_gone(chosen, title, measured)}", *_study_cells(row, validation)])
    return markdown([*header, f"difference from {first}, 95 % interval"], rows)


def _gone(study: Study, variant: str, measured: Mapping[str, Any]) -> str:
    """The commit of a variant that can no longer be run, behind its name."""
    return "" if variant in study.variants else f" (at {measured['commit']})"


def _study_cells(row: Mapping[str, Any], validation: bool) -> list[str]:
    sizes = [str(row["real"]), str(row["written"])]
    chosen_by = [in_percent(row["validation"]) if "validation" in row else DASH] * validation
    scores = [f"**{in_percent(row['mean'])}**", in_percent(row["std"])]
    if not any(row.get(key) for key in ("difference", "low", "high")):  # the reference itself, or another test set
        return [*sizes, *chosen_by, *scores, DASH]
    return [*sizes, *chosen_by, *scores, apart(row)]


STUDIES: Mapping[str, Callable[[], str]] = {
    "tkre": partial(study, ["tkre-table3"], "variant", "the whole"),
    "pretraining": partial(study, ["tkre-pretraining"], "pre-training", "none"),
    "amount": partial(study, ["tkre-written"], "written per label", "none"),
    "heads": partial(study, ["gold-heads", "tkre-heads"], "system, head", "typed markers"),
    "creator_gazette": partial(study, ["creator-gazette"], "learns from", "seeds alone"),
    "amalrec_ranking": partial(study, ["amalrec"], "sentences", "the index with blends"),
    "alone": partial(study, ["diverse-alone"], "sentences of the small LM", "seeds alone", validation=True),
}


def systems() -> str:
    """The systems of the default run; nothing where they have not been measured."""
    found = [system for variant in _measured("systems").values() for system in variant["systems"].items()]
    header = [*_WRITTEN, "F1 at 80 % negatives", "false alarms per 100"]
    return markdown(header, [[*_written_cells(name, row), *_reliable(row)] for name, row in found]) if found else ""


def reliance() -> str:
    """What a user may rely on and what not, in two sentences; nothing where the systems have not been measured."""
    rows = [variant["systems"]["careful"] for variant in _measured("systems").values()]
    if not rows:
        return ""
    scores, measured = (rows[0]["draws"]["1"][part] for part in ("scores", "reliability"))
    right, stated = (_of_100(scores[name]["mean"]) for name in ("micro_precision", "micro_recall"))
    wire = {name: _of_100(measured[f"wire_{name}"]["mean"]) for name in ("negatives_found", "recall", "precision")}
    nothing, error = _of_100(measured["negatives_share"]), _of_100(measured["calibration_error"]["mean"])
    return (
        f"On text like that of the examples, where {nothing} of 100 pairs state nothing, rely on `careful` to be right "
        f"in {right} of 100 assertions, to find {stated} of 100 statements, and to print probabilities that are off by "
        f"{error} points on average. Do not rely on it in running text: in newspaper passages, where most pairs state "
        f"nothing, it leaves {wire['negatives_found']} of 100 of those alone, finds {wire['recall']} of 100 "
        f"statements, and is right in {wire['precision']} of 100 assertions."
    )


def _of_100(share: float) -> str:
    return f"{100 * share:.0f}"


def _reliable(row: Mapping[str, Any]) -> list[str]:
    measured = row["draws"]["1"]["reliability"]
    return [f"**{in_percent(measured['f1_at_80']['mean'])}**", f"{measured['false_alarms_per_100']['mean']:.0f}"]


def careful() -> str:
    """What the settings are worth that make `careful` say nothing where nothing is said."""
    return _careful("careful", "calibration")


def negatives() -> str:
    """What kinds and numbers of negatives are worth to `careful`."""
    return _careful("careful-negatives")


def random_seeds() -> str:
    """How far the scores of `careful` move by random seeds alone: the default run beside two others."""
    default = [("random seed 1, the default run", row) for row in _measured("systems").values()]
    found = [*default, *_measured("careful-seeds").items()]
    return markdown(_CAREFUL, [[title, *_careful_cells(row["systems"]["careful"])] for title, row in found])


def _careful(*names: str) -> str:
    rows = []
    for name in names:
        for title, measured in _measured(name).items():
            for system, row in measured["systems"].items():
                label = title if system == "careful" else f"`{system}`, {title}"
                rows.append([f"{label}{_gone(read_study(name), title, measured)}", *_careful_cells(row)])
    return markdown(_CAREFUL, rows) if rows else _NOT_RUN


def _careful_cells(row: Mapping[str, Any]) -> list[str]:
    draw = row["draws"]["1"]
    scores, measured = draw["scores"], draw["reliability"]
    shares = [scores["micro_f1"], scores["micro_recall"], measured["negatives_found"], measured["f1_at_80"]]
    cells = [in_percent(share["mean"]) for share in [*shares, measured["wire_f1"]]]
    return [str(row["written"]), *cells, f"{measured['calibration_error']['mean']:.3f}"]


def outside() -> str:
    """The same on data that people labelled: SemEval's `Other`, and all pairs of a domain of CrossRE."""
    header = ["dataset", "system", "written", "micro-F1", "negatives", "found", "F1 at 80 %", "calibration error"]
    rows = []
    for title, measured in {**_measured("semeval-careful"), **_measured("crossre-careful")}.items():
        for system, row in measured["systems"].items():
            draw = row["draws"]["1"]
            scores, found = draw["scores"], draw["reliability"]
            shares = [found["negatives_found"], found["f1_at_80"]]
            cells = [str(row["written"]), in_percent(scores["micro_f1"]["mean"]), in_percent(found["negatives_share"])]
            cells += [*(in_percent(share["mean"]) for share in shares), f"{found['calibration_error']['mean']:.3f}"]
            rows.append([title, f"`{system}`", *cells])
    return markdown(header, rows, left=(0, 1)) if rows else _NOT_RUN


def gold() -> str:
    """What real seeds alone score, over draws."""
    header = ["dataset", "micro-F1", "± draws", "± random seeds", "each draw", "macro-F1", "official macro-F1"]
    rows = []
    for title, measured in _variants("gold").items():
        draws = [draw["scores"] for draw in measured["systems"]["gold"]["draws"].values()]
        means = [scores["micro_f1"]["mean"] for scores in draws]
        cells = [f"**{in_percent(fmean(means))}**", in_percent(stdev(means))]
        cells += [in_percent(fmean(scores["micro_f1"]["std"] for scores in draws)), ", ".join(map(in_percent, means))]
        rows.append([title, *cells, *(_over_draws(draws, name) for name in ("macro_f1", "semeval_macro_f1"))])
    return markdown(header, rows, left=(0, 4))


def _over_draws(draws: Sequence[Mapping[str, Any]], score: str) -> str:
    return in_percent(fmean(scores[score]["mean"] for scores in draws)) if score in draws[0] else DASH


def baselines() -> str:
    """What the baselines score on each dataset: they don't depend on the draw, nor on the number of seeds."""
    names = ("majority", "types_only", "random")
    found = {}
    for title, measured in _variants("gold").items():
        scores = next(iter(measured["systems"]["gold"]["draws"].values()))["baselines"]
        found[title.partition(", ")[0]] = [in_percent(scores[name]["micro_f1"]["mean"]) for name in names]
    return markdown(["dataset", "majority", "types only", "random"], [[title, *row] for title, row in found.items()])


def written() -> str:
    """What written sentences are worth: the seeds alone, then each system with and without seeds."""
    seen: dict[tuple[str, int, int], list[str]] = {}
    for measured in _variants("written").values():
        for system, row in measured["systems"].items():
            name = system if row["real"] else f"{system}, pure"
            seen[system, -row["real"], row["written"]] = _written_cells(name, row)
    order = read_study("written").systems
    return markdown(_WRITTEN, [seen[key] for key in sorted(seen, key=lambda key: (order.index(key[0]), *key[1:]))])


def _written_cells(name: str, row: Mapping[str, Any]) -> list[str]:
    scores = row["draws"]["1"]["scores"]["micro_f1"]
    cells = [f"**{in_percent(scores['mean'])}**", in_percent(scores["std"]), interval(scores)]
    return [name, str(row["real"]), str(row["written"]), *cells]


def probe() -> str:
    """What pre-training does to the embeddings of relation spans."""
    header = ["pre-training", "cosine within a relation", "between relations", "nearest mean is right, %"]
    measured = read_results(probing.RESULT)
    chosen = read_study(measured["study"])
    rows = []
    for name, variant in measured["variants"].items():
        cosines = [f"{variant[key]:.3f}" for key in ("within", "between")]
        rows.append([f"{name}{_gone(chosen, name, variant)}", *cosines, in_percent(variant["nearest"])])
    return markdown(header, rows)


def tuned() -> str:
    """What DPO does to the small LM: means and deviations over random seeds of the sampling."""
    runs = _tuned_runs("one by one", "all at once")
    rules = sorted({rule for each in runs.values() for run in each for rule in run["rejected"]})
    columns = [[_tuned_figures(run, rules) for run in each] for each in runs.values()]
    rows = []
    for label in columns[0][0]:
        cells = [spread([run[label] for run in column]) for column in columns]
        rows.append([label, *(f"{cell.mean:.3g} ± {cell.std:.2g}" for cell in cells)])
    return markdown(["", *(f"{setting}, {method}" for setting, method in runs)], rows)


def tuned_settings() -> str:
    """The same in short, at all settings that have been measured: means over random seeds."""
    runs = _tuned_runs(*tuning.SETTINGS)
    columns = {key: [_tuned_in_short(run) for run in each] for key, each in runs.items()}
    labels = list(next(iter(columns.values()))[0])
    rows = []
    for (setting, method), column in columns.items():
        means = [f"{fmean(run[label] for run in column):.3g}" for label in labels]
        count = sum(run["candidates"] for run in runs[setting, method])
        rows.append([f"{setting}, {method}", str(len(column)), f"{count:,}", *means])
    return markdown(["setting", "random seeds", "candidates", *labels], rows)


def _tuned_runs(*settings: str) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The figures of each random seed, by setting and method, of the settings that have been measured."""
    measured = read_results(tuning.RESULT)
    return {
        (setting, method): list(measured[setting]["methods"][method].values())
        for setting in settings
        if setting in measured
        for method in tuning.METHODS
    }


def _tuned_in_short(run: Mapping[str, Any]) -> dict[str, float]:
    percent = 100 / run["candidates"]
    return {
        "accepted, %": percent * run["accepted"],
        "copies, %": percent * sum(run["rejected"].get(rule, 0) for rule in COPIES),
        "similarity ≥ 0.5, %": percent * run["similar_to_shown"]["0.5"],
        "similarity ≥ 0.2, %": percent * run["similar_to_shown"]["0.2"],
        "accepted by the classifier, %": percent * run["accepted_by_classifier"],
        "self-BLEU": run["diversity"]["self_bleu"],
        "Vendi": run["diversity"]["vendi"],
    }


def _tuned_figures(run: Mapping[str, Any], rules: Sequence[str]) -> dict[str, float]:
    percent = 100 / run["candidates"]
    measured = [name for name in Diversity.model_fields if name in run["diversity"]]  # some are newer than the runs
    return {
        "accepted by the rules, %": percent * run["accepted"],
        **{f"rejected: {rule.replace('_', ' ')}, %": percent * run["rejected"].get(rule, 0) for rule in rules},
        "similarity to an example shown ≥ 0.5, %": percent * run["similar_to_shown"]["0.5"],
        "similarity to an example shown ≥ 0.2, %": percent * run["similar_to_shown"]["0.2"],
        "4-grams of an example shown, %": 100 * run["copied_grams"],
        "accepted by the classifier, too, %": percent * run["accepted_by_classifier"],
        **{name.replace("_", "-"): run["diversity"][name] for name in measured},
        "tokens per accepted": run["tokens_per_accepted"],
        "seconds per accepted": run["seconds_per_accepted"],
    }


def finetune() -> str:
    """How fast training is beside plain loops."""
    return _training(read_results(finetuning.RESULT), "loop")


def savings() -> str:
    """How fast training is without each of its savings."""
    return _training(read_results(finetuning.SAVINGS_RESULT), "training")


def _training(measured: Mapping[str, Any], head: str) -> str:
    rates = measured.get("examples_per_second") or measured["sentences_per_second"]
    rows = []
    for name, rate in rates.items():
        f1, runs = measured["micro_f1"][name], len(measured["runs"][name])
        score = f"{in_percent(f1['mean'])} ± {in_percent(f1['std'])} ({runs} trainings)"
        rows.append([name, f"{rate:.1f}", _times(measured["ours_is_faster_by"].get(name)), score])
    return markdown([head, "examples per second", "ours is faster by", "micro-F1 on validation"], rows)


def _times(factor: Mapping[str, float] | float | None) -> str:
    """How many times, with its deviation over trainings where that was measured."""
    if factor is None:
        return DASH
    return f"{factor['mean']:.2f} ± {factor['std']:.2f}" if isinstance(factor, Mapping) else f"{factor:.2f}"


def hardware() -> str:
    """How fast machines train."""
    header = [
        "machine",
        "encoder",
        "batch",
        "`finetune`, sentences per second",
        "GPU memory",
        "`pretrain`",
        "GPU memory",
    ]
    rows = []
    measured = read_results(machines.RESULT).values()
    for row in sorted(measured, key=lambda row: (row["machine"], row["encoder"], row["batch_size"])):
        cells = chain.from_iterable(map(_rate_and_memory, (row["finetune"], row["pretrain"])))
        rows.append([row["machine"], row["encoder"], str(row["batch_size"]), *cells])
    return markdown(header, rows, left=(0, 1))


def _rate_and_memory(stage: Mapping[str, Any]) -> tuple[str, str]:
    memory = stage["gpu_memory_mib"]
    return f"{stage['sentences_per_second']:,.0f}", f"{memory / 1024:.1f} GiB" if memory else DASH


def pipeline() -> str:
    """How long the whole pipeline takes, by verb."""
    measured = read_results(pipelines.RESULT)
    verbs: dict[str, list[float]] = {}
    for name, seconds in measured["stages"].items():
        verbs.setdefault(name.partition("@")[0], []).append(seconds)
    rows = [[f"`{verb}`", str(len(each)), f"{sum(each):.0f}"] for verb, each in verbs.items()]
    total = ["all", str(len(measured["stages"])), f"{measured['seconds']:,}"]
    return markdown(["stage", "how many", "seconds together"], [*rows, total])


def generate() -> str:
    """How fast requests are answered beside a bare loop."""
    rates = read_results(generating.RESULT)["requests_per_second"]
    return markdown(["client", "requests per second"], [[name, f"{rate:,.0f}"] for name, rate in rates.items()])


def predict() -> str:
    """How fast sentences are labelled beside a hand-written loop."""
    rates = read_results(predicting.RESULT)["sentences_per_second"]
    return markdown(["loop", "sentences per second"], [[name, f"{rate:,.0f}"] for name, rate in rates.items()])


def _measured(name: str) -> dict[str, Any]:
    """The variants of a study; none where it has not been run."""
    return _variants(name) if (FOLDER / f"{name}.json").exists() else {}


def _variants(name: str) -> dict[str, Any]:
    return read_results(FOLDER / f"{name}.json")["variants"]


def apart(row: Mapping[str, Any]) -> str:
    """A difference of two scores, with its interval."""
    return f"{100 * row['difference']:+.1f} ({100 * row['low']:+.1f} to {100 * row['high']:+.1f})"


def interval(scores: Mapping[str, float]) -> str:
    """The ends of a score's interval."""
    return f"{in_percent(scores['low'])} – {in_percent(scores['high'])}"


def in_percent(score: float) -> str:
    """A score in percent, with one digit after the point."""
    return f"{100 * score:.1f}"
