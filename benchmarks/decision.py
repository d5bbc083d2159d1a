"""Is the recommendation right, and what did it cost to find: regret against running everything in full.

    python benchmarks/decision.py [--only digits] [--sizes 100,500,2000,all] [--prefer cheap] [--keep FOLDER]

For every dataset and size everything is run in full (`--plan full`: every variant, every size of its curve, every
seed), and every trial is also scored on the test split, which the comparison itself does not see. Then the adaptive
plan goes over the same trials: what it would have run is known, and so is what it recommends. Regret is the test score
of the best variant minus that of the recommended one, both as means over all seeds. Time is that of the trials.

With `--keep` the trials stay, trial by trial: an interrupted case goes on, and one that is complete is judged again in
seconds, by a plan or a rule that has changed since (trials that only the new plan asks for are run).
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from machine import machine
from real import banking77, cells, digits, nusax_english, nusax_indonesian, smsa

DATASETS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "digits": digits,
    "cells": cells,
    "nusax-english": nusax_english,
    "nusax-indonesian": nusax_indonesian,
    "smsa": smsa,
    "banking77": banking77,
}
#: The full run's score on the examples that an interval is about, and on others (which have chances of their own: of
#: sound 95 % intervals from as many examples as the test split has, 83 % hold it).
_SCORES = ("validation", "test")
#: Below so many examples the rule by size takes a new head, from there on it trains everything.
RULE_BY_SIZE = 1000


def case(name: str, size: int | None, seeds: int, prefer: str, keep: Path) -> dict[str, Any] | None:
    """One dataset at one size, its trials kept in `keep`; None where it has no such many examples."""
    import alih
    from alih.compare.compare import Job
    from alih.compare.comparison import Comparison
    from alih.compare.options import Options
    from alih.compare.runfolder import RunFolder
    from alih.compare.spec import spec
    from alih.progress import Progress
    from alih.routes.registry import DEFAULT
    from alih.task import CLASSIFICATION
    from alih.tasks.classification.task import Classification

    with tempfile.TemporaryDirectory() as work:
        wanted = DATASETS[name](Path(work))
        data = alih.read(wanted["data"], **{k: wanted[k] for k in ("label", "group") if k in wanted}, max_examples=size)
        if size is not None and len(data.train) < size:
            return None
        options = Options.from_mapping({"model": wanted.get("model"), "plan": "full", "seeds": seeds, "cache_limit": 0})
        options = options.for_task(CLASSIFICATION, "compare")
        routes = DEFAULT
        progress = Progress()
        task = Classification(data)
        full = Job(task, options, routes, True, progress)
        bench = full.bench()
        folder = RunFolder(keep / f"{name}-{len(data.train)}")
        folder.path.mkdir(parents=True, exist_ok=True)
        record = folder.path / "tested.json"
        tested: dict[str, float] = json.loads(record.read_text()) if record.is_file() else {}
        complete = _campaign(full, bench, folder, tested)
        record.write_text(json.dumps(tested))
        again = RunFolder.create(work, "adaptive")
        again.write_spec(spec(task, bench.choice, options, routes, "compare"))
        for part in ("trials.jsonl", "predictions", "weights"):
            source = folder.path / part
            (shutil.copytree if source.is_dir() else shutil.copy)(source, again.path / part)
        used: list[str] = []
        job = replace(full, options=replace(options, plan="adaptive", prefer=prefer))
        job.variants = full.variants
        adaptive = _campaign(job, bench, again, tested, used)
        record.write_text(json.dumps(tested))
        found = Comparison.conclude(adaptive, again, interrupted=False)
        return _case(name, complete, adaptive, found, tested, used)


def _campaign(job: Any, bench: Any, folder: Any, tested: dict[str, float], used: list[str] | None = None) -> Any:
    """Run a job's trials, scoring each on the test split, too; `used` collects the trials that the plan asked for."""
    from alih.compare.campaign import Campaign
    from alih.compare.effort import Efforts
    from alih.compare.runner import Runner

    class Judged(Runner):
        """Scores on the test split what is scored on the shifted copy."""

        def run(self, *arguments: Any, **more: Any) -> Any:
            outcome = super().run(*arguments, **more)
            if used is not None:
                used.append(outcome.trial.id)
            return outcome

        def _kept(self, trial: Any) -> Any:
            # The full plan kept the weights of its best seed, which the adaptive one may not have asked for.
            trials = [one for one in self._known.values() if (one.label, one.purpose) == (trial.label, "full")]
            some = next((kept for one in [trial, *trials] if (kept := super(Judged, self)._kept(one))), None)
            return some and replace(some, trial=trial, score=trial.metrics[self.metric.name])

        def _score(self, stage: Any, name: Any, rows: Any = None) -> Any:
            if name == "shifted":
                self.last = self._metrics("test", stage.predict("test"))[bench.deciding.name]
            return super()._score(stage, name, rows)

        def _run(self, name: str, *arguments: Any) -> Any:
            outcome = super()._run(name, *arguments)
            if outcome.trial.purpose != "search":
                tested[name] = self.last
                (folder.path / "tested.json").write_text(json.dumps(tested))
            return outcome

    if "test" not in bench.parts:
        bench.parts["test"] = bench._part(job.task.dataset.test)
        bench.freeze(job.boundaries)
    order = job.task.order(job.options.seed)
    efforts = Efforts(bench.pretrained.anatomy, job.options, len(order))
    judged = Judged(bench, folder, bench.deciding)
    campaign = Campaign(bench, judged, job.options, bench.deciding, order, efforts, job.budget, job.progress)
    campaign.run(job.variants, job.sizes)
    return campaign


def _decided(campaign: Any, prefer: Any) -> str:
    """What is recommended with a preference, where everything was measured in full."""
    from alih.compare.comparison import candidate
    from alih.compare.decide import decide

    validation = campaign.bench.dataset.validation
    candidates = [candidate(contender) for contender in campaign.finalists]
    return decide(campaign.metric, candidates, groups=validation.groups, prefer=prefer).chosen


def _case(
    name: str, campaign: Any, adaptive: Any, found: Any, tested: dict[str, float], used: list[str]
) -> dict[str, Any]:
    size = len(campaign.order)
    tests = {c.label: [tested[t.id] for t in c.full] for c in campaign.contenders}
    means = {label: float(np.mean(scores)) for label, scores in tests.items()}
    best = max(means, key=lambda label: means[label])
    everything = next(label for label in means if label.startswith("finetune all"))
    rules = {
        "Alih": found.decision.chosen,
        **{f"Alih, {prefer}": _decided(campaign, prefer) for prefer in ("cheap", "balanced", "best")},
        "always transfer": "transfer",
        "always finetune all": everything,
        "by size": "transfer" if size < RULE_BY_SIZE else everything,
    }
    complete = {trial.id: trial for trial in campaign.runner.folder.trials()}
    trials = {**{trial.id: trial for trial in adaptive.runner.folder.trials()}, **complete}

    def cost(names: Any) -> float:
        return float(sum(trials[one].costs.seconds - trials[one].costs.frozen_seconds for one in set(names)))

    # What was recommended, as the adaptive plan trained it: with its own rate, and with the seeds that it ran.
    [taken] = [c for c in adaptive.contenders if c.label == found.decision.chosen]
    regret = {rule: means[best] - means[label] for rule, label in rules.items()}
    regret["Alih"] = means[best] - float(np.mean([tested[trial.id] for trial in taken.full]))
    validation = {
        c.label: float(np.mean([t.metrics[campaign.metric.name] for t in c.full])) for c in campaign.contenders
    }
    covered = [
        {
            "label": record["label"],
            "stopped": record["score"] is None,
            **(record["score"] or record["predicted"]),
            "validation": validation[record["label"]],
            "test": means[record["label"]],
        }
        for record in found.records
        if record["score"] or record["predicted"]
    ]
    return {
        "dataset": name,
        "examples": size,
        "test_examples": len(campaign.bench.dataset.test),
        "test": tests,
        "best": best,
        "chosen": rules,
        "regret": regret,
        "seconds_full": cost(complete),
        "seconds_adaptive": cost(used),
        "intervals": covered,
        "decision": list(found.decision.words),
        "probe": list(found.probe),
    }


def render(cases: list[dict[str, Any]]) -> str:
    """One row a case, then the averages."""
    rules = list(cases[0]["regret"])
    heads = " | ".join(f"regret: {rule}" for rule in rules)
    lines = [f"| dataset | examples | best on test | recommended | {heads} | time |"]
    lines.append("|---|---:|---|---|" + "---:|" * (len(rules) + 1))
    for one in cases:
        regrets = " | ".join(f"{100 * one['regret'][rule]:.1f}" for rule in rules)
        share = 100 * one["seconds_adaptive"] / one["seconds_full"]
        start = f"| {one['dataset']} | {one['examples']:,} | {one['best']} | {one['chosen']['Alih']} |"
        lines.append(f"{start} {regrets} | {share:.0f} % |")
    mean = " | ".join(f"{100 * np.mean([c['regret'][rule] for c in cases]):.2f}" for rule in rules)
    worst = " | ".join(f"{100 * max(c['regret'][rule] for c in cases):.1f}" for rule in rules)
    share = 100 * sum(c["seconds_adaptive"] for c in cases) / sum(c["seconds_full"] for c in cases)
    lines += [f"| **mean** | | | | {mean} | {share:.0f} % |", f"| **worst** | | | | {worst} | |"]
    every = [one for c in cases for one in c["intervals"]]
    for stopped, what in ((False, "of variants measured in full"), (True, "predicted for variants that stopped")):
        some = [one for one in every if one["stopped"] is stopped]
        if some:
            held = {name: 100 * np.mean([o["low"] <= o[name] <= o["high"] for o in some]) for name in _SCORES}
            lines.append(
                f"\n95 % intervals {what} that hold the full run's score on validation: {held['validation']:.0f} % of "
                f"{len(some)}; that on the test split: {held['test']:.0f} %."
            )
    return "\n".join(lines)


def main() -> None:
    """Run the cases, writing the results after each."""
    from alih.compare.options import Options

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=DATASETS, action="append")
    parser.add_argument("--sizes", default="100,500,2000,all")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "decision.json")
    parser.add_argument("--prefer", choices=("cheap", "balanced", "best"), default=Options().prefer)
    parser.add_argument("--keep", type=Path, help="folder that the trials stay in")
    arguments = parser.parse_args()
    keep = arguments.keep or Path(tempfile.mkdtemp(prefix="decision-"))
    cases = json.loads(arguments.output.read_text())["cases"] if arguments.output.exists() else []
    for size in arguments.sizes.split(","):
        for name in arguments.only or DATASETS:
            found = case(name, None if size == "all" else int(size), arguments.seeds, arguments.prefer, keep)
            if found is None:
                continue
            cases = [c for c in cases if (c["dataset"], c["examples"]) != (name, found["examples"])] + [found]
            report = {"machine": machine(), "command": " ".join(["python", *sys.argv]), "cases": cases}
            arguments.output.write_text(json.dumps(report, indent=1) + "\n")
            print(render(cases), flush=True)


if __name__ == "__main__":
    main()
