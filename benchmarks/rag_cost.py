"""What a library costs: ingest, the latency of an answer, re-indexing: parts of benchmarks/rag.py."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from rag_data import progress, read_cranfield, read_idk_mrc, written

FILES = 1_000
ASKED = 100
RAG = Path(__file__).with_name("rag.py")


def ingest(work: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Texts a second: a library, the embedding model alone on the same chunks, and LlamaIndex."""
    from alih.pretrained.resolve import resolve

    folder = written(work / "ingest", read_cranfield()[0][: arguments.documents], "")
    weights = {"MINILM": str(resolve("alih/minilm").path)}
    arms = ["library", "embedding"] + (["llamaindex"] if arguments.llamaindex else [])
    runs: dict[str, list[dict[str, float]]] = {arm: [] for arm in arms}
    for _ in range(arguments.repeats):
        for arm in arms:
            python = arguments.llamaindex if arm == "llamaindex" else sys.executable
            with tempfile.TemporaryDirectory() as place:
                command = [python, str(RAG), "--arm", arm, "--texts", str(folder), "--work", place]
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
        paragraphs, _ = read_idk_mrc("train")
        library.progress = progress()
        library.add(written(work / "large-idk", paragraphs[:2600], ""))
        library.add(written(work / "large-cran", read_cranfield()[0], ""))
        library.add_stdlib()
    chunks = library.catalogue.counts()["chunks"]
    if arguments.prepare:
        return {"chunks": chunks}
    questions = [one for one, _, _ in read_idk_mrc("test")[1][: ASKED // 2]] + read_cranfield()[1][: ASKED // 2]
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
    written(folder, read_cranfield()[0][:FILES], "")
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


ARMS = {"library": arm_library, "embedding": arm_embedding, "llamaindex": arm_llamaindex}
