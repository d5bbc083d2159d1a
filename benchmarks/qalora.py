"""What do QA-LoRA's rounded weights cost and bring: a training step, the bytes, and decoding through packed INT4?

    python benchmarks/qalora.py [--rounds 5] [--threads 1] [--tokens 48]

Three measurements in one process, sides interleaved, medians of the rounds:

* a training step (forward, backward, AdamW) of one 768 → 3072 layer with an adapter of rank 8: QA-LoRA in 4 bits
  against plain LoRA (PEFT) on the fp32 layer;
* the bytes of that layer's weights against fp32;
* greedy decoding of a random Llama of 113 M parameters: merged QA-LoRA as `alih generate` runs it against fp32.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from machine import machine


def interleaved(sides: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each side in every round; the first round warms up and is not kept."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds + 1):
        for name, run in sides.items():
            start = time.perf_counter()
            run()
            found[name].append(time.perf_counter() - start)
    return {name: times[1:] for name, times in found.items()}


def steps(rounds: int) -> dict[str, Any]:
    """A training step of one layer, and its bytes."""
    from peft import LoraConfig, inject_adapter_in_model

    from alih.quantize.groups import GroupFormat
    from alih.quantize.linear import QuantizedLinear
    from alih.quantize.qalora import QALoRALinear

    torch.manual_seed(0)
    dense = nn.Linear(768, 3072)
    # Inputs take gradients, as those of every layer but the first do.
    x, target = torch.randn(32 * 64, 768, requires_grad=True), torch.randn(32 * 64, 3072)
    quantised = QuantizedLinear.from_linear(copy.deepcopy(dense), GroupFormat(4, 32))
    packed = sum(value.nbytes for value in (quantised.codes, quantised.scale.bfloat16(), quantised.zero))
    plain = inject_adapter_in_model(
        LoraConfig(r=8, lora_alpha=16, target_modules=["0"]), nn.Sequential(copy.deepcopy(dense))
    )
    models: dict[str, nn.Module] = {"LoRA": plain, "QA-LoRA": QALoRALinear(quantised, 8, 16.0)}
    runs: dict[str, Callable[[], object]] = {}
    for name, model in models.items():
        trained = [value for key, value in model.named_parameters() if "lora" in key.lower() or value.requires_grad]
        trained = [value for value in trained if value.requires_grad]
        adam = torch.optim.AdamW(trained, lr=1e-3)

        def step(model: nn.Module = model, adam: torch.optim.AdamW = adam) -> None:
            adam.zero_grad()
            nn.functional.mse_loss(model(x), target).backward()
            adam.step()

        runs[name] = step
    seconds = interleaved(runs, rounds)
    medians = {name: float(np.median(times)) for name, times in seconds.items()}
    return {
        "seconds": medians,
        "ratio": float(np.median(np.array(seconds["QA-LoRA"]) / np.array(seconds["LoRA"]))),
        "bytes": {"fp32": dense.weight.nbytes, "QA-LoRA, 4 bits": packed},
        "share": packed / dense.weight.nbytes,
    }


def decoding(rounds: int, tokens: int) -> dict[str, Any]:
    """Tokens a second of greedy decoding, one sequence."""
    from transformers import LlamaConfig, LlamaForCausalLM

    from alih.quantize.model import quantize_model
    from alih.quantize.packed import make_fast

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=8000, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12
    )
    dense = LlamaForCausalLM(config).eval()
    rounded = copy.deepcopy(dense)
    quantize_model(rounded, bits=4, group_size=32)
    how = make_fast(rounded)
    ids = torch.arange(16)[None] + 5
    models = {"fp32": dense, "QA-LoRA merged": rounded}

    def write(model: Any) -> Callable[[], object]:
        def run() -> object:
            with torch.inference_mode():
                return model.generate(
                    input_ids=ids,
                    attention_mask=torch.ones_like(ids),
                    max_new_tokens=tokens,
                    min_new_tokens=tokens,
                    do_sample=False,
                    pad_token_id=0,
                )

        return run

    seconds = interleaved({name: write(model) for name, model in models.items()}, rounds)
    return {
        "parameters": sum(value.numel() for value in dense.parameters()),
        "path": how,
        "tokens_a_second": {name: tokens / float(np.median(times)) for name, times in seconds.items()},
        "ratio": float(np.median(np.array(seconds["fp32"]) / np.array(seconds["QA-LoRA merged"]))),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "qalora.json")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    step, written = steps(arguments.rounds), decoding(arguments.rounds, arguments.tokens)
    report = {"machine": machine(), "command": " ".join(["python", *sys.argv]), "step": step, "decoding": written}
    arguments.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"training step, QA-LoRA / LoRA: {step['ratio']:.2f}× (bar ≤ 1.15)")
    print(f"weights, of fp32: {step['share']:.3f} (bar ≤ 0.18)")
    speeds = ", ".join(f"{name} {value:.1f}" for name, value in written["tokens_a_second"].items())
    print(f"decoding ({written['path']}), tokens a second: {speeds}; {written['ratio']:.2f}× (bar ≥ 1.2)")


if __name__ == "__main__":
    main()
