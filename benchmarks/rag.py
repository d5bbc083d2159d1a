"""What a library finds, answers and costs: Cranfield, IDK-MRC, ingest, the latency of an answer, re-indexing.

    python benchmarks/rag.py [--only cranfield] [--work FOLDER] [--llamaindex PYTHON]

Reads ../shared/data (or ALIH_SHARED_DATA). `--llamaindex` names a Python that has llama-index-core and
llama-index-embeddings-huggingface, for the same ingest there; without it that row is left out. Both sides embed with
alih/minilm, in chunks of at most 180 of its tokens, batches of 32, one after the other, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from machine import machine

SHARED = Path(os.environ.get("ALIH_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
RESULTS = Path(__file__).parent / "results" / "rag.json"
#: Chunks of the library whose latency is measured, at least.
CHUNKS = 10_000
FILES = 1_000
ASKED = 100


def _written(folder: Path, texts: Sequence[str], prefix: str) -> Path:
    """One text file a document."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(texts, 1):
        (folder / f"{prefix}{number}.txt").write_text(text, encoding="utf-8")
    return folder


def _cranfield() -> tuple[list[str], list[str], list[dict[int, float]]]:
    """Abstracts, queries, and the relevant abstracts (from 1) of each; all judgements but −1 count alike."""
    place = SHARED / "cranfield"
    documents = [
        " ".join(part.split(".W", 1)[1].split()) for part in (place / "cran.all.1400").read_text().split(".I ")[1:]
    ]
    queries = [" ".join(part.split(".W", 1)[1].split()) for part in (place / "cran.qry").read_text().split(".I ")[1:]]
    relevant: list[dict[int, float]] = [{} for _ in queries]
    for line in (place / "cranqrel").read_text().splitlines():
        query, document, grade = (int(one) for one in line.split()[:3])
        if grade > 0:
            relevant[query - 1][document] = 1.0
    return documents, queries, relevant


def _idk_mrc(split: str) -> tuple[list[str], list[tuple[str, tuple[str, ...], int]]]:
    """Paragraphs, and (question, answers, number of its paragraph from 1)."""
    told = json.loads((SHARED / "idk_mrc" / f"{split}.json").read_text(encoding="utf-8"))
    asked = [
        (one["question"].strip(), tuple(answer["text"] for answer in one["answers"]), number)
        for number, part in enumerate(told, 1)
        for one in part["qas"]
    ]
    return [one["context"] for one in told], asked


def cranfield(work: Path, _arguments: argparse.Namespace) -> dict[str, Any]:
    """nDCG@10 and recall@100 of four configurations; BM25 against bm25s, dense search against brute force."""
    from alih.rag.evaluate.evaluation import configurations, evaluate
    from alih.rag.evaluate.questions import Question
    from alih.rag.library import Library
    from alih.rag.settings import Retrieval

    documents, queries, relevant = _cranfield()
    library = Library("cranfield", work)
    if not library.exists:
        library.add(_written(work / "cran", documents, ""))
    questions = [
        Question(query, None, {f"cran/{number}.txt": grade for number, grade in known.items()})
        for query, known in zip(queries, relevant, strict=True)
    ]
    names = library.catalogue.documents()
    missing = sum(name not in names for one in questions for name in one.relevant)
    questions = [Question(one.text, None, {n: g for n, g in one.relevant.items() if n in names}) for one in questions]
    ranks = {"hybrid, ranks": Retrieval(fusion="rrf", dense_weight=0.5)}
    found = evaluate(library, questions, configurations(Retrieval()) | ranks, depth=100, progress=_progress())
    return {
        **found.as_dict(),
        "documents": len(names),
        "relevant_but_empty": missing,
        "chunks": library.catalogue.counts()["chunks"],
        "hybrid_minus": {
            one: {measure: vars(found.difference(measure, "hybrid", one)) for measure in ("ndcg@10", "recall@100")}
            for one in ("bm25", "dense", "hybrid, ranks", "hybrid+rerank")
        },
        "references": _references(library, questions),
    }


def _references(library: Any, questions: Sequence[Any]) -> dict[str, Any]:
    """The same nDCG@10 from bm25s' scores and from a comparison with every vector."""
    import bm25s

    from alih.rag.evaluate.ranking import ndcg
    from alih.rag.store.base import Filter

    rows = list(library.catalogue.lexical_rows())
    ids = [row[0] for row in rows]
    sources = library.catalogue.sources(ids)
    reference = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    reference.index([row[2] for row in rows], show_progress=False)
    records = {one.id: one.vector for batch in library.store.scan() for one in batch}
    vectors = np.stack([records[one] for one in ids])
    scores: dict[str, list[float]] = {name: [] for name in ("bm25", "bm25s", "dense", "brute force")}

    def value(order: Sequence[str], one: Any) -> float:
        documents = dict.fromkeys(sources[hit][0].document for hit in order)
        return ndcg([one.relevant.get(name, 0.0) for name in documents], list(one.relevant.values()), 10)

    for one in questions:
        terms = library.analyser.terms(one.text)
        known = [term for term in terms if term in library.lexical.vocabulary]
        theirs = reference.get_scores(known)
        vector = library.embedder.query(one.text)
        orders = {
            "bm25": [hit.id for hit in library.lexical.search(terms, 100, Filter())],
            "bm25s": [ids[row] for row in np.argsort(-theirs, kind="stable")[:100] if theirs[row] > 0],
            "dense": [hit.id for hit in library.store.search(vector, 100, Filter())],
            "brute force": [ids[row] for row in np.argsort(-(vectors @ vector), kind="stable")[:100]],
        }
        for name, order in orders.items():
            scores[name].append(value(order, one))
    return {name: float(np.mean(each)) for name, each in scores.items()}


def idk_mrc(work: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Retrieval, answers and abstention on Indonesian questions; the curve before and after calibration."""
    from sklearn.metrics import roc_auc_score

    from alih.rag.calibrate import best_threshold, fit
    from alih.rag.confidence import DEFAULT_WEIGHTS, confidence
    from alih.rag.evaluate.evaluation import checked, configurations, evaluate
    from alih.rag.evaluate.measure import measure
    from alih.rag.evaluate.questions import Question
    from alih.rag.evaluate.remember import Remembering
    from alih.rag.library import Library

    library = Library("idk", work)
    splits = {}
    for split in ("valid", "test"):
        paragraphs, asked = _idk_mrc(split)
        folder = work / split
        if not folder.exists():
            library.add(_written(folder, paragraphs, ""))
        splits[split] = checked(
            library,
            [
                Question(text, answers, {f"{split}/{number}.txt": 1.0} if answers else {})
                for text, answers, number in asked
            ],
        )
    options = library.settings.retrieval
    four = configurations(options)
    reranked = {name: four.pop(name) for name in ("hybrid+rerank",)}
    found = evaluate(library, splits["test"], four, progress=_progress())
    told: dict[str, Any] = {"chunks": library.catalogue.counts()["chunks"], **found.as_dict()}
    if arguments.reranked:
        some = splits["test"][: arguments.reranked]
        again = evaluate(library, some, {"hybrid": four["hybrid"], **reranked}, progress=_progress())
        gap = {name: vars(again.difference(name, "hybrid+rerank", "hybrid")) for name in ("ndcg@10", "mrr", "holds")}
        told["reranked"] = {**again.as_dict(), "rerank_minus_hybrid": gap}
    asked_of = {
        split: measure(Remembering(library), "", options, questions, depth=1, threshold=0.0)
        for split, questions in splits.items()
    }
    has = {split: np.array([not one.unanswerable for one in questions]) for split, questions in splits.items()}
    signals = {split: np.array([one.values() for one in measured.signals]) for split, measured in asked_of.items()}
    learnt = fit(signals["valid"], has["valid"], DEFAULT_WEIGHTS)
    curves = {}
    for name, weights in (("as it comes", DEFAULT_WEIGHTS), ("calibrated on the validation split", learnt)):
        sure = {
            split: np.array([confidence(one, weights) for one in measured.signals])
            for split, measured in asked_of.items()
        }
        right = {split: np.where(has[split], np.nan_to_num(asked_of[split].values["holds"]), 0.0) for split in splits}
        cut = best_threshold(sure["valid"], right["valid"], (~has["valid"]).astype(float))
        curves[name] = {
            "auroc": float(roc_auc_score(has["test"], sure["test"])),
            "threshold_from_validation": cut,
            "at_threshold": _point(cut, sure["test"], right["test"], has["test"]),
            "at_default": _point(0.5, sure["test"], right["test"], has["test"]),
            "curve": [
                _point(float(one), sure["test"], right["test"], has["test"])
                for one in np.quantile(sure["test"], np.linspace(0, 1, 11))
            ],
        }
    return told | {"abstention": curves}


def _point(cut: float, sure: Any, right: Any, has: Any) -> dict[str, float]:
    told = sure >= cut
    return {
        "threshold": cut,
        "answered": float(told.mean()),
        "treated_rightly": float(np.where(told, right, ~has).mean()),
        "right_of_answered": float(right[told].mean()) if told.any() else float("nan"),
        "none_precision": float((~has)[~told].mean()) if (~told).any() else float("nan"),
        "none_recall": float((~told)[~has].mean()),
    }


def fusion(work: Path, _arguments: argparse.Namespace) -> dict[str, Any]:
    """nDCG@10 of mixtures of both searches: the default is chosen on the first two sets and checked on the third."""
    from alih.rag.evaluate.evaluation import checked
    from alih.rag.evaluate.intervals import difference
    from alih.rag.evaluate.measure import measure
    from alih.rag.evaluate.questions import Question
    from alih.rag.evaluate.remember import Remembering
    from alih.rag.library import Library
    from alih.rag.settings import Retrieval

    _, queries, relevant = _cranfield()
    cran, idk = Library("cranfield", work), Library("idk", work)  # made by the parts of their names
    names = cran.catalogue.documents()
    sets: dict[str, tuple[Any, Any]] = {"cranfield": (cran, [])}
    for query, known in zip(queries, relevant, strict=True):
        there = {f"cran/{number}.txt": 1.0 for number in known}
        sets["cranfield"][1].append(Question(query, None, {name: 1.0 for name in there if name in names}))
    for split in ("valid", "test"):
        asked = [
            Question(text, None, {f"{split}/{number}.txt": 1.0}) for text, told, number in _idk_mrc(split)[1] if told
        ]
        sets[f"idk_mrc {split}"] = idk, checked(idk, asked)
    options = {
        "bm25": Retrieval("lexical"),
        "dense": Retrieval("dense"),
        **{f"ranks, vectors {weight}": Retrieval(fusion="rrf", dense_weight=weight) for weight in (0.3, 0.5)},
        **{f"scores, vectors {weight}": Retrieval(dense_weight=weight) for weight in (0.2, 0.3, 0.4, 0.5, 0.6)},
    }
    told: dict[str, Any] = {}
    for name, (library, questions) in sets.items():
        again = Remembering(library)
        found = {label: measure(again, label, one, questions).values["ndcg@10"] for label, one in options.items()}
        better = max(("bm25", "dense"), key=lambda one: float(np.nanmean(found[one])))
        told[name] = {
            "ndcg@10": {label: float(np.nanmean(values)) for label, values in found.items()},
            "default_minus_better_part": {
                "part": better,
                **vars(difference(found[f"scores, vectors {Retrieval().dense_weight}"], found[better])),
            },
        }
        print(name, told[name], file=sys.stderr, flush=True)
    return {"sets": told}


def defaults(work: Path, _arguments: argparse.Namespace) -> dict[str, Any]:
    """The weights of the confidence that Alih comes with, from questions in benchmarks/questions, half without answer.

    Each set is measured with weights from the other one, too: another language, other documents.
    """
    from sklearn.metrics import roc_auc_score

    from alih.rag.calibrate import fit
    from alih.rag.confidence import DEFAULT_WEIGHTS, confidence
    from alih.rag.library import Library

    place = Path(__file__).parent / "questions"
    signals, has = {}, {}
    for name in ("kantor", "stdlib"):
        library = Library(name, work)
        if not library.exists:
            library.add(place / "kantor.md") if name == "kantor" else library.add_stdlib()
        asked = [json.loads(line) for line in (place / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
        signals[name] = [library.ask(one["question"], threshold=0.0).signals for one in asked]
        has[name] = np.array([one["answerable"] for one in asked])

    def learnt(*names: str) -> tuple[float, ...]:
        rows = np.array([one.values() for name in names for one in signals[name]])
        return fit(rows, np.concatenate([has[name] for name in names]), [0.0] * len(DEFAULT_WEIGHTS))

    def judged(name: str, weights: Sequence[float]) -> dict[str, float]:
        sure = np.array([confidence(one, weights) for one in signals[name]])
        return {
            "auroc": float(roc_auc_score(has[name], sure)),
            "right_at_one_half": float(((sure >= 0.5) == has[name]).mean()),
            "brier": float(np.mean((sure - has[name]) ** 2)),
        }

    other = {"kantor": "stdlib", "stdlib": "kantor"}
    return {
        "weights": list(learnt("kantor", "stdlib")),
        "questions": {name: {"all": len(each), "with_answer": int(each.sum())} for name, each in has.items()},
        "in_sample": {name: judged(name, learnt("kantor", "stdlib")) for name in has},
        "from_the_other_set": {name: judged(name, learnt(other[name])) for name in has},
        "as_it_comes": {name: judged(name, DEFAULT_WEIGHTS) for name in has},
    }


def ingest(work: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Texts a second: a library, the embedding model alone on the same chunks, and LlamaIndex."""
    from alih.pretrained.resolve import resolve

    folder = _written(work / "ingest", _cranfield()[0][: arguments.documents], "")
    weights = {"MINILM": str(resolve("alih/minilm").path)}
    arms = ["library", "embedding"] + (["llamaindex"] if arguments.llamaindex else [])
    runs: dict[str, list[dict[str, float]]] = {arm: [] for arm in arms}
    for _ in range(arguments.repeats):
        for arm in arms:
            python = arguments.llamaindex if arm == "llamaindex" else sys.executable
            with tempfile.TemporaryDirectory() as place:
                command = [python, __file__, "--arm", arm, "--texts", str(folder), "--work", place]
                done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | weights)
            if done.returncode:
                sys.exit(done.stderr)
            runs[arm].append(json.loads(done.stdout.strip().splitlines()[-1]))
            print(f"{arm:12} {runs[arm][-1]}", file=sys.stderr, flush=True)
    told: dict[str, Any] = {"documents": len(list(folder.iterdir())), "runs": runs}
    for clock in ("seconds", "processor_seconds"):
        spent = {arm: float(np.median([one[clock] for one in each])) for arm, each in runs.items()}
        rate = {arm: runs[arm][0]["chunks"] / spent[arm] for arm in arms}
        suffix = "" if clock == "seconds" else "_by_processor_time"
        told["library_over_embedding" + suffix] = rate["library"] / rate["embedding"]
        if "llamaindex" in arms:
            told["library_over_llamaindex" + suffix] = spent["llamaindex"] / spent["library"]
    return told


class _Clock:
    """Seconds that passed, and seconds that this process worked: on a shared machine the second one is the steadier."""

    def __init__(self) -> None:
        self._start = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        wall, worked = self._start
        return {"seconds": time.perf_counter() - wall, "processor_seconds": time.process_time() - worked}


def arm_library(folder: Path, work: Path) -> dict[str, float]:
    """Everything from reading to a library on the disk; loading the model and importing are left out on all sides."""
    import lancedb  # noqa: F401  # otherwise imported when the library opens its store, inside the clock

    from alih.rag.library import Library

    library = Library("ingest", work)
    library.embedder.query("warm up")
    clock = _Clock()
    report = library.add(folder)
    return {**clock.read(), "chunks": report.embedded}


def arm_embedding(folder: Path, _work: Path) -> dict[str, float]:
    """The same chunks, embedded from a list in memory, and nothing else."""
    from alih.rag.chunk import ChunkOptions, chunk
    from alih.rag.embed import Embedder
    from alih.rag.ingest import find, read

    model = Embedder()
    model.query("warm up")
    documents = [read(one) for one in find(folder)[0]]
    texts = [one.embedded for document in documents if hasattr(document, "blocks")
             for one in chunk(document, ChunkOptions(), model.count)]  # fmt: skip
    texts = list(dict.fromkeys(texts))
    clock = _Clock()
    model.passages(texts)
    return {**clock.read(), "chunks": len(texts)}


def arm_llamaindex(folder: Path, work: Path) -> dict[str, float]:
    """The same model, chunk size and batch size; reader, splitter, index in memory, written to the disk at the end."""
    from llama_index.core import SimpleDirectoryReader, VectorStoreIndex
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding

    model = HuggingFaceEmbedding(model_name=os.environ["MINILM"], embed_batch_size=32, device="cpu")
    model.get_query_embedding("warm up")
    tokenizer = model._model.tokenizer
    splitter = SentenceSplitter(
        chunk_size=180, chunk_overlap=0, tokenizer=lambda text: tokenizer.encode(text, add_special_tokens=False)
    )
    clock = _Clock()
    documents = SimpleDirectoryReader(str(folder)).load_data()
    for one in documents:
        one.metadata = {}  # file names would count as text, and be embedded with every chunk
    index = VectorStoreIndex.from_documents(documents, transformations=[splitter], embed_model=model)
    index.storage_context.persist(str(work / "index"))
    return {**clock.read(), "chunks": len(index.docstore.docs)}


def latency(work: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """An answer without a generator against one bare query embedding, side by side, at 10,000 chunks."""
    from alih.rag.library import Library

    library = Library("large", work)
    if not library.exists:
        paragraphs, _ = _idk_mrc("train")
        library.progress = _progress()
        library.add(_written(work / "large-idk", paragraphs[:2600], ""))
        library.add(_written(work / "large-cran", _cranfield()[0], ""))
        library.add_stdlib()
    chunks = library.catalogue.counts()["chunks"]
    if arguments.prepare:
        return {"chunks": chunks}
    questions = [one for one, _, _ in _idk_mrc("test")[1][: ASKED // 2]] + _cranfield()[1][: ASKED // 2]
    for one in questions[:5]:
        library.ask(one)
    spent: dict[str, list[float]] = {"ask": [], "embedding": []}
    stages: list[dict[str, float]] = []
    for one in questions:
        start = time.perf_counter()
        library.embedder.query(one)
        spent["embedding"].append(time.perf_counter() - start)
        start = time.perf_counter()
        stages.append(library.ask(one).seconds)
        spent["ask"].append(time.perf_counter() - start)
    medians = {name: float(np.median(each)) for name, each in spent.items()}
    names = dict.fromkeys(stage for one in stages for stage in one)
    return {
        "chunks": chunks,
        "questions": len(questions),
        "p50_seconds": medians,
        "p95_seconds": {name: float(np.quantile(each, 0.95)) for name, each in spent.items()},
        "stages_p50_seconds": {name: float(np.median([one.get(name, 0.0) for one in stages])) for name in names},
        "ask_over_embedding": medians["ask"] / medians["embedding"],
    }


def reindex(work: Path, _arguments: argparse.Namespace) -> dict[str, Any]:
    """1,000 files, one of them changed."""
    from alih.rag.library import Library

    folder = work / "files"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(work / "again", ignore_errors=True)
    _written(folder, _cranfield()[0][:FILES], "")
    for path in folder.iterdir():  # written long ago, as files are that have not just been made
        os.utime(path, (time.time() - 1000, time.time() - 1000))
    library = Library("again", work)
    library.embedder.query("warm up")
    first = library.add(folder)
    (folder / "7.txt").write_text("One paragraph that nobody wrote before.", encoding="utf-8")
    second = library.add(folder)
    return {
        "files": FILES,
        "first_seconds": first.seconds,
        "first_embedded": first.embedded,
        "again_seconds": second.seconds,
        "again_embedded": second.embedded,
        "again_over_first": second.seconds / first.seconds,
    }


def _progress() -> Any:
    from alih.progress import Progress

    return Progress()


PARTS: dict[str, Callable[[Path, argparse.Namespace], dict[str, Any]]] = {
    "cranfield": cranfield,
    "idk_mrc": idk_mrc,
    "fusion": fusion,
    "defaults": defaults,
    "ingest": ingest,
    "latency": latency,
    "reindex": reindex,
}
ARMS = {"library": arm_library, "embedding": arm_embedding, "llamaindex": arm_llamaindex}


def render(report: dict[str, Any]) -> str:
    """The tables."""
    lines = [f"{key}: {value}" for key, value in report["machine"].items()]
    for name, columns in (("cranfield", ("ndcg@10", "recall@100")), ("idk_mrc", ("ndcg@10", "mrr", "f1", "holds"))):
        part = report["parts"].get(name)
        if part:
            lines += ["", f"| {name} | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
            for one in part["configurations"]:
                told = [one["measures"][column] for column in columns]
                cells = " | ".join(f"{each['mean']:.3f} ({each['low']:.3f}–{each['high']:.3f})" for each in told)
                lines.append(f"| {one['name']} | {cells} |")
    if "cranfield" in report["parts"]:
        lines.append("\n" + json.dumps(report["parts"]["cranfield"]["references"]))
    if "idk_mrc" in report["parts"]:
        for name, one in report["parts"]["idk_mrc"]["abstention"].items():
            lines.append(f"{name}: AUROC {one['auroc']:.3f}; {json.dumps(one['at_threshold'])}")
    for name, ratios in (
        (
            "ingest",
            {
                "library_over_embedding": "≥ 0.9",
                "library_over_embedding_by_processor_time": "≥ 0.9",
                "library_over_llamaindex": "≥ 1.5",
                "library_over_llamaindex_by_processor_time": "≥ 1.5",
            },
        ),
        ("latency", {"ask_over_embedding": "≤ 2"}),
        ("reindex", {"again_over_first": "≤ 0.02"}),
    ):
        for ratio, bar in ratios.items():
            value = report["parts"].get(name, {}).get(ratio)
            if value is not None:
                lines.append(f"{name}: {ratio} {value:.3f} (bar {bar})")
    return "\n".join(lines)


def main() -> None:
    """Run the parts, writing the results after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--work", type=Path, help="folder for the libraries; kept, so that a second run is quick")
    parser.add_argument("--llamaindex", metavar="PYTHON", help="interpreter that has LlamaIndex")
    parser.add_argument("--reranked", type=int, default=200, help="questions of IDK-MRC to rerank for (default: 200)")
    parser.add_argument("--documents", type=int, default=1400, help="to ingest (default: 1400)")
    parser.add_argument("--repeats", type=int, default=1, help="of the ingest (default: 1)")
    parser.add_argument("--prepare", action="store_true", help="only make the large library of --only latency")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--arm", choices=ARMS, help=argparse.SUPPRESS)
    parser.add_argument("--texts", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.arm:
        print(json.dumps(ARMS[arguments.arm](arguments.texts, arguments.work)))
        return
    report = json.loads(arguments.output.read_text()) if arguments.output.exists() else {"parts": {}}
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        for name in arguments.only or PARTS:
            found = PARTS[name](work, arguments)
            if arguments.prepare:
                print(found)
                continue
            words = [one for one in sys.argv if one.startswith("--only") or one in PARTS]
            found["command"] = " ".join(["python", "benchmarks/rag.py", *words])
            report = {"machine": machine(), "parts": {**report["parts"], name: found}}
            arguments.output.parent.mkdir(exist_ok=True)
            arguments.output.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    if not arguments.prepare:
        print(render(report))


if __name__ == "__main__":
    main()
