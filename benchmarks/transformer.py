"""The Transformer's speed against torch.nn.Transformer and transformers' Marian of the same shape, and its batches.

    python benchmarks/transformer.py [--rounds 7] [--threads 2] [--data ../shared/data/multi30k] [--share 0.1]

One process, arms interleaved in an order that turns from round to round; medians of the rounds, and ratios other ÷
ours (above 1: ours is faster). All models have the paper's dropout (0.1 on sub-layer outputs and embeddings, none on
attention weights and in the feed-forward network), post-norm, one embedding matrix in three places, smoothed labels
and the same Adam. torch.nn.Transformer has no cache: it decodes the whole target again for every token. The last table
trains on Multi30k in token_batches and in naive ones: as many sentences a batch on average, in random order, padded to
the longest.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from machine import machine

WIDTH, LAYERS, HEADS, INNER, VOCABULARY, DROPOUT = 256, 3, 4, 1024, 8000, 0.1
BATCH, LENGTH = 64, 32
SENTENCES, SOURCE, NEW = 16, 20, 30
BARS = {"torch.nn.Transformer": 1.0, "Marian": 1.0, "naive batches": 1.5}
PAD, START = 0, 1

Batch = dict[str, Tensor]
Arm = Callable[[], Any]


class TorchTransformer(nn.Module):
    """torch.nn.Transformer with the embeddings, positions and projection that it leaves to its user."""

    def __init__(self) -> None:
        from alih.transformer.positions import sinusoids

        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        nn.init.normal_(self.embedding.weight, std=WIDTH**-0.5)
        self.transformer = nn.Transformer(WIDTH, HEADS, LAYERS, LAYERS, INNER, DROPOUT, batch_first=True)
        self.dropout = nn.Dropout(DROPOUT)
        self.register_buffer("table", sinusoids(512, WIDTH))
        for module in self.transformer.modules():  # dropout in the paper's places only
            if isinstance(module, nn.MultiheadAttention):
                module.dropout = 0.0
            elif isinstance(module, nn.TransformerEncoderLayer | nn.TransformerDecoderLayer):
                module.dropout.p = 0.0

    def embed(self, ids: Tensor) -> Tensor:
        """(b, t) → (b, t, d)."""
        told: Tensor = self.dropout(self.embedding(ids) * WIDTH**0.5 + self.table[: ids.shape[1]])
        return told

    def encode(self, ids: Tensor, padding: Tensor | None) -> Tensor:
        """(b, s) → (b, s, d)."""
        memory: Tensor = self.transformer.encoder(self.embed(ids), src_key_padding_mask=padding)
        return memory

    def decode(self, ids: Tensor, memory: Tensor, padding: Tensor | None) -> Tensor:
        """(b, t), (b, s, d) → (b, t, d)."""
        mask = nn.Transformer.generate_square_subsequent_mask(ids.shape[1])
        hidden: Tensor = self.transformer.decoder(
            self.embed(ids), memory, tgt_mask=mask, tgt_is_causal=True, memory_key_padding_mask=padding
        )
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        """(b, t, d) → (b, t, vocabulary)."""
        return F.linear(hidden, self.embedding.weight)


def ours() -> Any:
    """Alih's Transformer."""
    from alih.transformer.configuration import AlihTransformerConfig
    from alih.transformer.model import AlihTransformerForConditionalGeneration

    return AlihTransformerForConditionalGeneration(
        AlihTransformerConfig(
            vocab_size=VOCABULARY, d_model=WIDTH, layers=LAYERS, heads=HEADS, d_ff=INNER, dropout=DROPOUT
        )
    )


def marian() -> Any:
    """MarianMTModel of the same shape."""
    from transformers import MarianConfig, MarianMTModel

    return MarianMTModel(
        MarianConfig(
            vocab_size=VOCABULARY,
            d_model=WIDTH,
            encoder_layers=LAYERS,
            decoder_layers=LAYERS,
            encoder_attention_heads=HEADS,
            decoder_attention_heads=HEADS,
            encoder_ffn_dim=INNER,
            decoder_ffn_dim=INNER,
            activation_function="relu",
            dropout=DROPOUT,
            scale_embedding=True,
            pad_token_id=PAD,
            bos_token_id=START,
            eos_token_id=2,
            decoder_start_token_id=START,
            forced_eos_token_id=None,
            max_position_embeddings=512,
            attn_implementation="sdpa",
        )
    )


def smoothed(logits: Tensor, labels: Tensor) -> Tensor:
    """The loss of the other arms; ours has its own."""
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), label_smoothing=0.1, ignore_index=-100)


def batch(padded: bool) -> Batch:
    """Random tokens; padded: lengths from a quarter to the whole."""
    generator = torch.Generator().manual_seed(0)
    ids, labels = (torch.randint(3, VOCABULARY, (BATCH, LENGTH), generator=generator) for _ in range(2))
    shortest = LENGTH // 4 if padded else LENGTH
    source, target = (torch.randint(shortest, LENGTH + 1, (BATCH, 1), generator=generator) for _ in range(2))
    place = torch.arange(LENGTH)
    return {
        "input_ids": ids.masked_fill(place >= source, PAD),
        "attention_mask": (place < source).long(),
        "labels": labels.masked_fill(place >= target, -100),
    }


def training(model: Any, loss: Callable[[Any, Batch], Tensor]) -> Callable[[Batch], None]:
    """A step of training on a batch: forwards, loss, backwards, Adam."""
    adam = torch.optim.Adam(model.parameters(), lr=1e-4, betas=(0.9, 0.98), eps=1e-9, foreach=True)

    def step(data: Batch) -> None:
        model.train()
        adam.zero_grad()
        loss(model, data).backward()  # type: ignore[no-untyped-call]
        adam.step()

    return step


def our_loss(model: Any, data: Batch) -> Tensor:
    """Ours from the labels."""
    loss: Tensor = model(**data).loss
    return loss


def marian_loss(model: Any, data: Batch) -> Tensor:
    """Marian's logits, the common loss."""
    from alih.transformer.model import shift_right

    rest = {name: data[name] for name in ("input_ids", "attention_mask")}
    decoder_input = shift_right(data["labels"], START, PAD)
    return smoothed(model(**rest, decoder_input_ids=decoder_input, use_cache=False).logits, data["labels"])


def torch_loss(model: TorchTransformer, data: Batch) -> Tensor:
    """torch.nn.Transformer's logits, the common loss."""
    from alih.transformer.model import shift_right

    padding = None if bool(data["attention_mask"].all()) else data["attention_mask"] == 0
    memory = model.encode(data["input_ids"], padding)
    hidden = model.decode(shift_right(data["labels"], START, PAD), memory, padding)
    return smoothed(model.logits(hidden), data["labels"])


@torch.inference_mode()
def encode(model: Any, data: Batch) -> None:
    """The encoder alone, in evaluation."""
    model.eval()
    if isinstance(model, TorchTransformer):
        model.encode(data["input_ids"], None if bool(data["attention_mask"].all()) else data["attention_mask"] == 0)
    else:
        model.get_encoder()(input_ids=data["input_ids"], attention_mask=data["attention_mask"])


@torch.inference_mode()
def decode(model: Any, source: Batch) -> Tensor:
    """Write NEW tokens greedily: with a cache where there is one."""
    model.eval()
    if not isinstance(model, TorchTransformer):
        written: Tensor = model.generate(**source, do_sample=False, min_new_tokens=NEW, max_new_tokens=NEW)
        return written
    memory = model.encode(source["input_ids"], None)
    told = torch.full((SENTENCES, 1), START)
    for _ in range(NEW):
        best = model.logits(model.decode(told, memory, None)[:, -1:]).argmax(-1)
        told = torch.cat((told, best), dim=1)
    return told


def rounds(arms: dict[str, Arm], count: int) -> dict[str, list[float]]:
    """Seconds of each arm in each round; the order turns, and the first round is for warming up."""
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    names = list(arms)
    for i in range(count + 1):
        for name in names[i % len(names) :] + names[: i % len(names)]:
            start = time.perf_counter()
            arms[name]()
            if i:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def cases() -> dict[str, dict[str, Arm]]:
    """What is measured, and the arms of each."""
    torch.manual_seed(0)
    models = {"Alih": ours(), "torch.nn.Transformer": TorchTransformer(), "Marian": marian()}
    losses = {"Alih": our_loss, "torch.nn.Transformer": torch_loss, "Marian": marian_loss}
    plain, padded = batch(False), batch(True)
    source = {"input_ids": torch.randint(3, VOCABULARY, (SENTENCES, SOURCE))}
    source["attention_mask"] = torch.ones_like(source["input_ids"])
    found: dict[str, dict[str, Arm]] = {}
    steps = {arm: training(model, losses[arm]) for arm, model in models.items()}  # type: ignore[arg-type]
    for name, data in (("nothing padded", plain), ("padded", padded)):
        size = f"{BATCH} × {LENGTH} tokens, {name}"
        found[f"training step, {size}"] = {arm: lambda s=s, d=data: s(d) for arm, s in steps.items()}  # type: ignore[misc]
        found[f"encoder forwards, {size}"] = {arm: lambda m=m, d=data: encode(m, d) for arm, m in models.items()}  # type: ignore[misc]
    greedy = f"greedy decoding, {SENTENCES} × {SOURCE} → {NEW} tokens"
    found[greedy] = {arm: lambda m=m: decode(m, source) for arm, m in models.items()}  # type: ignore[misc]
    return found


def multi30k(folder: Path, share: float, most_tokens: int = 2000) -> dict[str, dict[str, float]]:
    """Real target tokens a second in training: our batches and naive ones, alternating, over a share of an epoch."""
    from alih.tasks.translation.recipe import Recipe
    from alih.transformer.token_batches import collate, token_batches
    from alih.transformer.vocabulary import train_vocabulary

    texts = [
        gzip.decompress((folder / f"train.{language}.gz").read_bytes()).decode().splitlines()
        for language in ("en", "de")
    ]
    tokenizer = train_vocabulary((text for side in texts for text in side), Recipe().vocabulary)
    sources, targets = (tokenizer(side).input_ids for side in texts)
    lengths = np.array([[len(s), len(t)] for s, t in zip(sources, targets, strict=True)])
    batches = {"Alih": token_batches(lengths[:, 0], lengths[:, 1], most_tokens, seed=0)}
    order = np.random.default_rng(0).permutation(len(lengths))
    batches["naive batches"] = np.array_split(order, len(batches["Alih"]))
    steps = {name: training(ours(), our_loss) for name in batches}
    figures = {name: {"seconds": 0.0, "tokens": 0.0, "padded": 0.0, "batches": len(batches[name])} for name in batches}
    for i in range(max(2, round(share * len(batches["Alih"])))):
        for name in list(batches) if i % 2 else reversed(list(batches)):
            rows = batches[name][i]
            start = time.perf_counter()
            data = collate([(sources[row], targets[row]) for row in rows], PAD)
            steps[name](data)
            if i:  # the first is for warming up
                figures[name]["seconds"] += time.perf_counter() - start
                figures[name]["tokens"] += float(lengths[rows, 1].sum())
                figures[name]["padded"] += float(data["labels"].numel())
    return figures


def main() -> None:
    """Measure, write the results as JSON, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, help="of all arms (default: every core)")
    parser.add_argument("--data", type=Path, help="Multi30k's folder; without it, the batches are not measured")
    parser.add_argument("--share", type=float, default=1.0, help="of an epoch of Multi30k")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "transformer.json")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads or os.cpu_count() or 1)
    results = {}
    for name, arms in cases().items():
        results[name] = rounds(arms, arguments.rounds)
        print(name, {arm: round(float(np.median(s)), 4) for arm, s in results[name].items()}, file=sys.stderr)
    report = {
        "machine": machine(),
        "command": " ".join(["python", *sys.argv]),
        "shape": {
            "d_model": WIDTH, "layers": LAYERS, "heads": HEADS, "d_ff": INNER, "vocabulary": VOCABULARY,
            "dropout": DROPOUT,
        },
        "results": results,
    }  # fmt: skip
    if arguments.data:
        report["multi30k"] = {"share": arguments.share, "arms": multi30k(arguments.data, arguments.share)}
    arguments.output.parent.mkdir(exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=2) + "\n")
    print(render(report))


def render(report: dict[str, Any]) -> str:
    """Medians in milliseconds, and the ratios."""
    lines = [f"{key}: {value}" for key, value in report["machine"].items()]
    lines += [f"command: {report['command']}", f"shape: {report['shape']}", ""]
    lines += ["| case | against | Alih ms | other ms | ratio | bar |", "|---|---|---|---|---|---|"]
    for name, arms in report["results"].items():
        mine = float(np.median(arms["Alih"])) * 1000
        for arm in arms:
            if arm == "Alih":
                continue
            other = float(np.median(arms[arm])) * 1000
            bar = f"≥ {BARS[arm]}×" if not name.startswith("encoder") else "–"
            lines.append(f"| {name} | {arm} | {mine:.1f} | {other:.1f} | {other / mine:.2f}× | {bar} |")
    if "multi30k" in report:
        arms = report["multi30k"]["arms"]
        speeds = {name: arm["tokens"] / arm["seconds"] for name, arm in arms.items()}
        share = report["multi30k"]["share"]
        lines += ["", f"| Multi30k, {share:.0%} of an epoch | real target tokens a second | of all that is computed |"]
        lines += ["|---|---|---|"]
        for name, arm in arms.items():
            lines.append(f"| {name} | {speeds[name]:.0f} | {arm['tokens'] / arm['padded']:.0%} |")
        ratio = speeds["Alih"] / speeds["naive batches"]
        lines.append(f"| ratio | {ratio:.2f}× (bar ≥ {BARS['naive batches']}×) | |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
