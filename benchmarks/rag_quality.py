"""What a library finds and answers, and when it says that there is no answer: parts of benchmarks/rag.py."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alih.rag.settings import Retrieval
from rag_data import progress, read_cranfield, read_idk_mrc, written

#: The mixture by reciprocal ranks, shown beside the default one.
RANKS = {"hybrid, ranks": Retrieval(fusion="rrf", dense_weight=0.5)}


def cranfield(work: Path, _arguments: argparse.Namespace) -> dict[str, Any]:
    """nDCG@10 and recall@100 of four configurations; BM25 against bm25s, dense search against brute force."""
    from alih.rag.evaluate.evaluation import configurations, evaluate
    from alih.rag.evaluate.questions import Question
    from alih.rag.library import Library

    documents, queries, relevant = read_cranfield()
    library = Library("cranfield", work)
    if not library.exists:
        library.add(written(work / "cran", documents, ""))
    questions = [
        Question(query, None, {f"cran/{number}.txt": grade for number, grade in known.items()})
        for query, known in zip(queries, relevant, strict=True)
    ]
    names = library.catalogue.documents()
    missing = sum(name not in names for one in questions for name in one.relevant)
    questions = [Question(one.text, None, {n: g for n, g in one.relevant.items() if n in names}) for one in questions]
    found = evaluate(
        library, questions, configurations(Retrieval()) | RANKS, depth=100, timed=False, progress=progress()
    )
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

    from alih.metrics.ranking import ndcg
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
        paragraphs, asked = read_idk_mrc(split)
        folder = work / split
        if not folder.exists():
            library.add(written(folder, paragraphs, ""))
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
    found = evaluate(library, splits["test"], four | RANKS, timed=False, progress=progress())
    told: dict[str, Any] = {
        "chunks": library.catalogue.counts()["chunks"],
        **found.as_dict(),
        "hybrid_minus": {
            one: {measure: vars(found.difference(measure, "hybrid", one)) for measure in ("ndcg@10", "holds")}
            for one in ("bm25", "dense", "hybrid, ranks")
        },
    }
    if arguments.reranked:
        some = splits["test"][: arguments.reranked]
        again = evaluate(library, some, {"hybrid": four["hybrid"], **reranked}, timed=False, progress=progress())
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
    from alih.rag.evaluate.measure import METRICS, difference, measure
    from alih.rag.evaluate.questions import Question
    from alih.rag.evaluate.remember import Remembering
    from alih.rag.library import Library

    _, queries, relevant = read_cranfield()
    cran, idk = Library("cranfield", work), Library("idk", work)  # made by the parts of their names
    names = cran.catalogue.documents()
    sets: dict[str, tuple[Any, Any]] = {"cranfield": (cran, [])}
    for query, known in zip(queries, relevant, strict=True):
        there = {f"cran/{number}.txt": 1.0 for number in known}
        sets["cranfield"][1].append(Question(query, None, {name: 1.0 for name in there if name in names}))
    for split in ("valid", "test"):
        asked = [
            Question(text, None, {f"{split}/{number}.txt": 1.0})
            for text, told, number in read_idk_mrc(split)[1]
            if told
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
        default = found[f"scores, vectors {Retrieval().dense_weight}"]
        told[name] = {
            "ndcg@10": {label: float(np.nanmean(values)) for label, values in found.items()},
            "default_minus_better_part": {
                "part": better,
                **vars(difference(METRICS["ndcg@10"], default, found[better])),
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


def precision(_work: Path, _arguments: argparse.Namespace) -> dict[str, Any]:
    """The type that texts are embedded in here, and how far the vectors are from the same model's in fp64."""
    from alih.rag.embed import Embedder

    model = Embedder()
    texts = read_cranfield()[0][:50]
    vectors = model.passages(texts).vectors
    kind = str(next(model.model.parameters()).dtype).removeprefix("torch.")
    model.model.double()
    exact = np.concatenate([model.pooled([text]).detach().numpy() for text in texts])
    return {"embeddings": kind, "texts": len(texts), "off_fp64": float(np.abs(vectors - exact).max())}
