"""Questions embedded through ONNX Runtime, where that gives the same vectors and was measured to be faster here.

One question at a time is where the interpreter costs most; batches of passages stay in PyTorch.
"""

from __future__ import annotations

import json
import logging
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alih import files
from alih.errors import ModelError
from alih.pretrained.quiet import quiet
from alih.rag.embed import Embedder
from alih.rag.extras import needs

_FOLDER, _MODEL, _TOLD = "onnx", "model.onnx", "measured.json"
#: Largest difference of a vector's number that counts as equal, in fp32.
_EQUAL = 1e-5
#: Texts that are compared and timed, of different lengths; and rounds of timing.
_TEXTS = (
    "leave",
    "Berapa hari cuti tahunan?",
    "Until when are taxi receipts of the last business trip refunded, and by whom?",
    "Siapa yang menyetujui cuti lebih dari lima hari kerja berturut-turut, dan berapa lama sebelumnya harus diajukan?",
)
_ROUNDS = 15


@dataclass(frozen=True)
class Timing:
    """What was measured when the model was exported.

    Args:
        fingerprint: of the embedding model.
        torch_ms, onnx_ms: median milliseconds of one question.
        difference: largest absolute difference of a number of a vector.
        threads: that both used.
    """

    fingerprint: str
    torch_ms: float
    onnx_ms: float
    difference: float
    threads: int

    @property
    def equal(self) -> bool:
        """Whether the vectors are the same but for rounding."""
        return self.difference <= _EQUAL

    @property
    def used(self) -> bool:
        """Whether questions go through ONNX Runtime."""
        return self.equal and self.onnx_ms < self.torch_ms

    def __str__(self) -> str:
        ratio = self.torch_ms / max(self.onnx_ms, 1e-9)
        told = f"one question: PyTorch {self.torch_ms:.1f} ms, ONNX Runtime {self.onnx_ms:.1f} ms ({ratio:.2f}×)"
        if not self.equal:
            return f"{told}, but vectors differ by up to {self.difference:.1g}: PyTorch stays."
        verdict = "ONNX Runtime is used from now on" if self.used else "PyTorch is faster here, and stays"
        return f"{told}; vectors differ by at most {self.difference:.1g}. {verdict}."


class _Hidden(nn.Module):
    """The encoder with its inputs in a fixed order."""

    def __init__(self, model: nn.Module, names: list[str]) -> None:
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *values: Tensor) -> Tensor:
        """Hidden states (1, tokens, width)."""
        found: Tensor = self.model(**dict(zip(self.names, values, strict=True))).last_hidden_state
        return found


Session = Callable[[dict[str, NDArray[np.int64]]], NDArray[np.float32]]


def export(embedder: Embedder, library: Path) -> Timing:
    """Export the model beside a library, compare it with PyTorch's, time both, and write down which is to be used.

    Raises:
        OptionError: the packages of the extra `onnx` are missing.
        ModelError: the model cannot be exported.
    """
    with needs("onnx"):
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    with files.replacing_folder(library / _FOLDER) as fresh:
        _export(embedder, fresh / _MODEL)
        run = _session(fresh / _MODEL)
        embedder.session = None
        expected = [embedder.query(text) for text in _TEXTS]
        torch_ms = _median(embedder)
        embedder.session = run
        found = [embedder.query(text) for text in _TEXTS]
        onnx_ms = _median(embedder)
        difference = max(float(np.abs(one - other).max()) for one, other in zip(expected, found, strict=True))
        told = Timing(embedder.fingerprint, torch_ms, onnx_ms, difference, torch.get_num_threads())
        if not told.used:
            (fresh / _MODEL).unlink()
            for data in fresh.glob(f"{_MODEL}.*"):
                data.unlink()
            embedder.session = None
        (fresh / _TOLD).write_text(json.dumps(asdict(told), indent=2) + "\n", encoding="utf-8")
    return told


def open_session(embedder: Embedder, library: Path) -> Session | None:
    """The exported model of a library, where it is this embedding model's, is to be used, and can be opened."""
    folder = library / _FOLDER
    try:
        told = Timing(**json.loads((folder / _TOLD).read_text(encoding="utf-8")))
        if told.fingerprint != embedder.fingerprint or not told.used:
            return None
        return _session(folder / _MODEL)
    except Exception:  # damaged, removed, or without the package: PyTorch gives the same vectors
        return None


def _export(embedder: Embedder, path: Path) -> None:
    batch = embedder.tokenizer([_TEXTS[2]], return_tensors="pt")
    names = [name for name in batch if name != "offset_mapping"]
    tokens = torch.export.Dim("tokens", min=2, max=embedder.max_length)
    level = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with quiet(), warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            torch.onnx.export(
                _Hidden(embedder.model, names).eval(),
                tuple(batch[name] for name in names),
                str(path),
                input_names=names,
                output_names=["hidden"],
                dynamic_shapes=(tuple({1: tokens} for _ in names),),
                dynamo=True,
                verbose=False,
            )
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0][:200]
        raise ModelError(
            f"{embedder.name}: cannot be exported to ONNX ({type(error).__name__}: {first}); PyTorch stays."
        ) from error
    finally:
        logging.getLogger("torch.onnx").setLevel(level)


def _session(path: Path) -> Session:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    wanted = {one.name for one in session.get_inputs()}

    def run(inputs: dict[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = session.run(None, {name: inputs[name] for name in wanted})[0]
        return found

    return run


def _median(embedder: Embedder) -> float:
    times = []
    for _ in range(_ROUNDS):
        for text in _TEXTS:
            start = time.perf_counter()
            embedder.query(text)
            times.append(1000 * (time.perf_counter() - start))
    return float(np.median(times[len(_TEXTS) :]))
