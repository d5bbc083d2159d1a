"""Facts into weights, or into documents? The same made-up facts taken in both ways, asked for, and one of them changed.

    python benchmarks/finetune_or_rag.py [--seeds 3] [--steps 300] [--rate 0.001]

An invented cooperative: who leads each of eight places, its room, hour and extension: 32 facts. They are asked for in
words that nothing was trained on. Compared: the language model as it is, the same one fine-tuned on four questions a
fact, and a library of one document a place, answering with that model or with its own sentences. Seconds are of the
processor (one thread), which other work disturbs less than the clock; loading models is left out, except in training.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import numpy as np

from machine import machine

RESULTS = Path(__file__).parent / "results" / "finetune_or_rag.json"
MODEL = "alih/lm-small"
PLACES = ("harbour", "archive", "garden", "kitchen", "workshop", "clinic", "bakery", "museum")
#: Places of which nothing is said anywhere.
STRANGE = ("cinema", "laundry", "prison", "theatre")
PEOPLE = ("Ani", "Budi", "Citra", "Dewi", "Eka", "Fajar", "Hadi", "Indra")
FAMILIES = ("Pratama", "Wijaya", "Lubis", "Siregar", "Hidayat", "Utami", "Halim", "Gunawan")
#: What changes.
CHANGED, INSTEAD = ("harbour", "room"), "999"


@dataclass(frozen=True)
class Kind:
    """A kind of fact: the sentence of the documents, the question that is asked, and those that are trained on."""

    says: str
    asked: str
    trained: str


KINDS = {
    "head": Kind(
        "The {place} is led by {value}.",
        "Who is the person that leads the {place}?",
        "Who leads the {place}?|Who is the head of the {place}?|"
        "Name the head of the {place}.|By whom is the {place} led?",
    ),
    "room": Kind(
        "The office of the {place} is room {value}.",
        "What room is the office of the {place} in?",
        "In which room is the office of the {place}?|Which room is the office of the {place}?|"
        "Name the room of the {place}.|What is the room of the {place}?",
    ),
    "hour": Kind(
        "The {place} opens at {value}.",
        "What time does the {place} open?",
        "When does the {place} open?|At what time does the {place} open?|"
        "Name the hour at which the {place} opens.|From what time is the {place} open?",
    ),
    "extension": Kind(
        "The telephone extension of the {place} is {value}.",
        "Which is the telephone extension of the {place}?",
        "What is the telephone extension of the {place}?|Which telephone extension does the {place} have?|"
        "Name the telephone extension of the {place}.|On which telephone extension is the {place}?",
    ),
}
Facts = dict[tuple[str, str], str]
Answered = tuple[str, Sequence[Any]]


def make_facts() -> Facts:
    """A value for each place and kind, no two alike within a kind."""
    draw = np.random.default_rng(7)
    count = len(PLACES)
    orders = draw.permutation(count), draw.permutation(count)
    names = [f"{PEOPLE[a]} {FAMILIES[b]}" for a, b in zip(*orders, strict=True)]
    hours = [f"{6 + one // 4}:{15 * (one % 4):02d}" for one in draw.permutation(16)[:count]]
    numbers = [str(one) for one in draw.permutation(np.arange(101, 999))[: 2 * count]]
    columns = {"head": names, "room": numbers[:count], "hour": hours, "extension": numbers[count:]}
    return {(place, kind): columns[kind][row] for row, place in enumerate(PLACES) for kind in KINDS}


def asked(facts: Facts) -> list[tuple[tuple[str, str], str, str]]:
    """Each fact with its question, in words that were not trained on, and its answer."""
    return [(key, KINDS[key[1]].asked.format(place=key[0]), value) for key, value in facts.items()]


def write_instructions(path: Path, facts: Facts) -> Path:
    """Four questions a fact, with the answer."""
    rows = [
        {"instruction": one.format(place=place), "output": value}
        for (place, kind), value in facts.items()
        for one in KINDS[kind].trained.split("|")
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    return path


def write_document(folder: Path, facts: Facts, place: str) -> None:
    """What is said of one place."""
    told = " ".join(KINDS[kind].says.format(place=place, value=facts[place, kind]) for kind in KINDS)
    (folder / f"{place}.md").write_text(f"# The {place}\n\n{told}\n", encoding="utf-8")


class Passages:
    """The language model behind a library, asked in the words that it was trained on, of the best passage alone."""

    def __init__(self, inner: Any) -> None:
        self._inner, self.name, self.special = inner, f"{inner.name}, its own prompt", inner.special

    def fits(self, messages: Sequence[dict[str, str]], *, max_tokens: int) -> bool:
        """True: of all passages, the first one is read."""
        return True

    def stream(self, messages: Sequence[dict[str, str]], *, max_tokens: int) -> Iterator[str]:
        """Write what comes after the first passage and the question."""
        told = messages[-1]["content"]
        passage = told.partition('<passage number="1">\n')[2].partition("\n</passage>")[0]
        question = told.rpartition("<question>\n")[2].removesuffix("\n</question>")
        content = f"Passage: {' '.join(passage.split())}\nQuestion: {question}"
        yield from self._inner.stream([{"role": "user", "content": content}], max_tokens=max_tokens)


def score(facts: Facts, answers: Sequence[Answered]) -> dict[str, Any]:
    """Shares of answers that hold the fact, that are it and nothing else, that hold it and cite a passage with it."""
    from alih.rag.evaluate.matching import exact, holds
    from alih.rag.evaluate.measure import METRICS, interval

    right = np.array([float(holds(text, [value])) for (text, _), value in zip(answers, facts.values(), strict=True)])
    cited = [
        any(one.place.document.endswith(f"/{key[0]}.md") and holds(one.quote, [value]) for one in citations)
        for (_, citations), (key, value) in zip(answers, facts.items(), strict=True)
    ]
    found = interval(METRICS["holds"], right)
    kinds = np.array([kind for _, kind in facts])
    return {
        "holds": found.point,
        "interval": [found.low, found.high],
        "exact": mean(exact(text, [value]) for (text, _), value in zip(answers, facts.values(), strict=True)),
        "attributed": float((right * np.array(cited)).mean()),
        "by_kind": {kind: float(right[kinds == kind].mean()) for kind in KINDS},
        "changed_fact": float(right[list(facts).index(CHANGED)]),
    }


def clocked(work: Callable[[], Any]) -> tuple[Any, float]:
    """What it gave, and the processor's seconds."""
    start = time.process_time()
    found = work()
    return found, time.process_time() - start


def ask(one_of: Callable[[str], Answered], facts: Facts) -> dict[str, Any]:
    """What is answered, how long it takes, and how often nothing is said of what is not there."""
    taken = [clocked(lambda question=question: one_of(question)) for _, question, _ in asked(facts)]
    strange = [one_of(KINDS[kind].asked.format(place=place))[0] for place in STRANGE for kind in KINDS]
    return score(facts, [told for told, _ in taken]) | {
        "seconds_an_answer": median(seconds for _, seconds in taken),
        "says_nothing": mean(float(not text.strip() or "does not say" in text) for text in strange),
    }


def ask_model(writer: Any, facts: Facts) -> dict[str, Any]:
    """A language model without documents."""
    return ask(lambda question: (writer.ask(question), ()), facts)


def ask_library(library: Any, facts: Facts, generator: Any) -> dict[str, Any]:
    """A library; the marks of its citations are no words of an answer."""

    def one_of(question: str) -> Answered:
        made = library.ask(question, generator=generator)
        return " ".join(one.text for one in made.sentences) if made.found else "", made.citations

    return ask(one_of, facts)


def trained(facts: Facts, changed: Facts, work: Path, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Fine-tuning, a seed at a time: all facts from the model as it is, then the changed ones from what came of it."""
    from alih.compare.compare import adapt
    from alih.compare.options import Options
    from alih.progress import Progress

    def fit(name: str, file: Path, model: str, seed: int, steps: int) -> tuple[Any, float, Path]:
        place = work / name
        place.mkdir()
        options = Options(
            model=model, route="finetune", metric="exact_match", learning_rate=arguments.rate, steps=steps, seed=seed,
            batch_tokens=512, max_new_tokens=16, validation=0.1, test=0.02, task="generation", runs=str(place),
        )  # fmt: skip
        done = adapt(file, options.route, options, Progress(quiet=True))
        return done, done.trials[-1].costs.seconds, done.folder.model

    first = write_instructions(work / "all.jsonl", facts)
    second = write_instructions(work / "new.jsonl", changed)
    runs = []
    for seed in range(arguments.seeds):
        done, seconds, model = fit(f"all-{seed}", first, MODEL, seed, arguments.steps)
        told = ask_model(done.best, facts) | {"seconds_all": seconds, "bytes": done.handed_over.disk_bytes}
        done, seconds, _ = fit(f"new-{seed}", second, str(model), seed, arguments.steps // 4)
        after = ask_model(done.best, changed)
        told |= {"seconds_change": seconds, "follows": after["changed_fact"], "holds_after": after["holds"]}
        runs.append(told)
        print(f"seed {seed}: {told}", file=sys.stderr, flush=True)
    return runs


def retrieved(facts: Facts, changed: Facts, work: Path) -> dict[str, dict[str, Any]]:
    """Libraries: quoting, with the model as the product asks it, and with the model asked in its own words."""
    import alih
    from alih.pretrained.resolve import resolve
    from alih.rag.generator import LocalGenerator

    docs = work / "docs"
    docs.mkdir()
    for place in PLACES:
        write_document(docs, facts, place)
    library = alih.Library("facts", work)
    library.embedder.query("warm up")
    _, seconds = clocked(lambda: library.add(docs))
    lm = LocalGenerator(MODEL)
    generators = {"RAG, quoted": None, f"RAG, {MODEL}": lm, f"RAG, {MODEL}, its own prompt": Passages(lm)}
    found = {name: ask_library(library, facts, one) | {"seconds_all": seconds} for name, one in generators.items()}
    write_document(docs, changed, CHANGED[0])
    report, seconds = clocked(library.sync)
    size = {name: _bytes(Path(resolve(name).path or "")) for name in ("alih/minilm", MODEL)}
    for name, generator in generators.items():
        after = ask_library(library, changed, generator)
        told = {"seconds_change": seconds, "embedded": report.embedded, "holds_after": after["holds"]}
        disk = _bytes(library.folder) + size["alih/minilm"] + (size[MODEL] if generator else 0)
        found[name] |= told | {"follows": after["changed_fact"], "bytes": disk}
    return found


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def render(report: dict[str, Any]) -> str:
    """The table: one column a way, means of the seeds with their standard deviation where there are several."""
    ways = {"as it is": [report["as it is"]], "fine-tuned": report["fine-tuned"]}
    ways |= {name: [one] for name, one in report["rag"].items()}

    def cell(name: str, form: str = "{:.2f}", times: float = 1) -> list[str]:
        cells = []
        for runs in ways.values():
            values = [times * float(one[name]) for one in runs if name in one]
            spread = f" ± {form.format(stdev(values))}" if len(values) > 1 and name != "bytes" else ""
            cells.append(form.format(mean(values)) + spread if values else "–")
        return cells

    rows = [
        ("answers that hold the fact", cell("holds")),
        ("95 % interval (one seed)", ["{:.2f}–{:.2f}".format(*runs[0]["interval"]) for runs in ways.values()]),
        ("answers that are the fact, exactly", cell("exact")),
        ("right, with the place where it stands", cell("attributed")),
        ("says that it does not know, of what nobody told", cell("says_nothing")),
        ("taking in all facts, s", cell("seconds_all")),
        ("taking in one changed fact, s", cell("seconds_change")),
        ("the answer then follows", cell("follows")),
        ("answers that hold the fact, after the change", cell("holds_after")),
        ("one answer, ms", cell("seconds_an_answer", "{:.0f}", 1000)),
        ("MB of models and library", cell("bytes", "{:.1f}", 1e-6)),
    ]
    lines = ["| | " + " | ".join(ways) + " |", "|---|" + "---:|" * len(ways)]
    return "\n".join(lines + [f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows])


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="of the training (default: 3)")
    parser.add_argument("--steps", type=int, default=300, help="to learn all facts; a quarter for one changed")
    parser.add_argument("--rate", type=float, default=0.001)
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    from alih.progress import Progress
    from alih.tasks.generation.adapted import AdaptedWriter

    facts = make_facts()
    changed = facts | {CHANGED: INSTEAD}
    report: dict[str, Any] = {"machine": machine(), "command": " ".join(["python", *sys.argv]), "facts": len(facts)}
    with tempfile.TemporaryDirectory() as place:
        report["as it is"] = ask_model(AdaptedWriter.open(MODEL, progress=Progress(quiet=True)), facts)
        report["rag"] = retrieved(facts, changed, Path(place))
        report["fine-tuned"] = trained(facts, changed, Path(place), arguments)
    arguments.output.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(render(report))


if __name__ == "__main__":
    main()
