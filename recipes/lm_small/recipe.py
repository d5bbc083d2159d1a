"""The recipe of alih/lm-small: a Llama of two million parameters, trained from nothing on generated instructions."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from alih.errors import RunError
from alih.progress import Progress
from recipes.lm_small.instructions import Instructions
from recipes.lm_small.tokenizer import IGNORED, Encoded, batches, collate, encode, pad_id, train_tokenizer

#: The run in progress, in its folder.
STATE = "training.pt"


@dataclass(frozen=True)
class Recipe:
    """Sizes and lengths; the defaults take about an hour on one processor core.

    Args:
        vocabulary: entries of the tokenizer.
        context: most tokens the model reads.
        width, layers, heads, inner: of the Llama: hidden size, blocks, attention heads, width of the feed-forward part.
        steps: updates.
        most_tokens: positions in a batch.
        rate: of AdamW for embeddings and norms, at its peak.
        matrix_rate: of Muon for the matrices of the blocks, at its peak.
        warmup: updates until the peak.
        cooldown: share of the updates at the end over which the rate falls to 0 in a straight line.
        prompt_weight: weight of learning the prompts, too, before the cooldown: as running text they teach to look
            back; in the cooldown answers alone are learnt.
        part: examples drawn at once, from which batches of like length are made.
        checkpoint_every: updates between checkpoints.
    """

    vocabulary: int = 2048
    context: int = 512
    width: int = 160
    layers: int = 5
    heads: int = 5
    inner: int = 432
    steps: int = 8000
    most_tokens: int = 2048
    rate: float = 3e-3
    matrix_rate: float = 0.02
    warmup: int = 100
    cooldown: float = 0.4
    prompt_weight: float = 0.5
    part: int = 4000
    checkpoint_every: int = 200


def rate_factor(step: int, recipe: Recipe) -> float:
    """Factor on the peak rate at update 1…steps: up in a straight line, level, down in a straight line.

    "Warmup, stable, decay" (Hu et al. 2024, arXiv 2404.06395, section 4): before the cooldown nothing depends on
    `steps`.
    """
    falling = max(1, round(recipe.steps * recipe.cooldown))
    return min(1.0, step / max(1, recipe.warmup), (recipe.steps - step + 1) / falling)


def train(
    folder: Path, recipe: Recipe, seed: int, progress: Progress
) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast, dict[str, Any]]:
    """Train from scratch; a killed run goes on from its last checkpoint in the folder, to the same weights.

    Returns:
        The model, its tokenizer, and how it went: tokens seen, examples seen, seconds, the loss curve.

    Raises:
        RunError: the folder holds the state of another recipe or seed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    instructions = Instructions(seed)
    sample = instructions.part(-1, 30_000)
    texts = [*instructions.texts, *(text for example in sample for text in (example.prompt, example.answer))]
    tokenizer = train_tokenizer(texts, recipe.vocabulary, recipe.context)
    run = _Run(folder / STATE, recipe, seed, instructions, tokenizer)
    run.train(progress)
    run.model.train(False)
    history = {"tokens": run.tokens, "learnt_tokens": run.learnt, "seconds": round(run.seconds), "curve": run.curve}
    return run.model, tokenizer, history


def build(recipe: Recipe, vocabulary: int, pad: int, bos: int, eos: int) -> LlamaForCausalLM:
    """The architecture with weights from torch's global generator; embeddings tied."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=recipe.width,
            intermediate_size=recipe.inner,
            num_hidden_layers=recipe.layers,
            num_attention_heads=recipe.heads,
            max_position_embeddings=recipe.context,
            tie_word_embeddings=True,
            pad_token_id=pad,
            bos_token_id=bos,
            eos_token_id=eos,
        )
    )


def loss_of(model: LlamaForCausalLM, inputs: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean cross-entropy in nats over the learnt positions; logits are computed for those alone."""
    learnt = labels != IGNORED
    hidden = model.model(input_ids=inputs).last_hidden_state[learnt]  # (learnt positions, width)
    losses = nn.functional.cross_entropy(model.lm_head(hidden), labels[learnt], reduction="none")
    return (losses * weights[learnt]).sum() / weights.sum()


class _Run:
    """Model, optimisers and place in the series of one run."""

    def __init__(
        self, path: Path, recipe: Recipe, seed: int, instructions: Instructions, tokenizer: PreTrainedTokenizerBase
    ) -> None:
        self._path, self._recipe, self._seed = path, recipe, seed
        self._instructions, self._tokenizer = instructions, tokenizer
        self._pad = pad_id(tokenizer)
        torch.manual_seed(seed)
        self.model = build(recipe, len(tokenizer), self._pad, int(tokenizer.bos_token_id), int(tokenizer.eos_token_id))
        inside = [p for name, p in self.model.named_parameters() if p.ndim == 2 and ".layers." in name]
        others = [p for name, p in self.model.named_parameters() if not (p.ndim == 2 and ".layers." in name)]
        self._optimisers: list[tuple[torch.optim.Optimizer, float]] = [
            # Jordan et al. 2024, https://kellerjordan.github.io/posts/muon: fewer tokens for the same loss than AdamW
            (torch.optim.Muon(inside, lr=recipe.matrix_rate, momentum=0.95, weight_decay=0.0), recipe.matrix_rate),
            (torch.optim.AdamW(others, lr=recipe.rate, betas=(0.9, 0.95), weight_decay=0.0), recipe.rate),
        ]
        self.step, self.seconds, self.tokens, self.learnt = 0, 0.0, 0, 0
        self.curve: list[tuple[int, float]] = []
        self._part, self._batch = 0, 0
        self._resume()

    def train(self, progress: Progress) -> None:
        recipe, before, start = self._recipe, self.seconds, time.monotonic()
        losses: list[Tensor] = []
        ready = self._batches()
        self.model.train()
        with progress.step("training the language model", recipe.steps - self.step, "steps") as advance:
            while self.step < recipe.steps:
                if self._batch == len(ready):
                    self._part, self._batch = self._part + 1, 0
                    ready = self._batches()
                losses.append(self._update(ready[self._batch]))
                self._batch += 1
                self.seconds = before + time.monotonic() - start
                if self.step % recipe.checkpoint_every == 0 or self.step == recipe.steps:
                    self.curve.append((self.step, round(float(torch.stack(losses).mean()), 4)))
                    progress.say(f"step {self.step}: loss {self.curve[-1][1]}, {self.tokens:,} tokens")
                    losses = []
                    self._keep()
                advance(1)

    def _batches(self) -> list[list[Encoded]]:
        examples = self._instructions.part(self._part, self._recipe.part)
        encoded = encode(self._tokenizer, examples, self._recipe.context)
        return batches(encoded, self._recipe.most_tokens, f"{self._seed} {self._part}")

    def _update(self, batch: list[Encoded]) -> Tensor:
        self.step += 1
        factor = rate_factor(self.step, self._recipe)
        cooling = self._recipe.steps - self.step + 1 < round(self._recipe.steps * self._recipe.cooldown)
        inputs, labels, weights = collate(batch, self._pad, 0.0 if cooling else self._recipe.prompt_weight)
        loss = loss_of(self.model, inputs, labels, weights)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimiser, rate in self._optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * factor
            optimiser.step()
            optimiser.zero_grad()
        self.tokens += sum(len(example.ids) for example in batch)
        self.learnt += int((labels != IGNORED).sum())
        return loss.detach()

    def _fingerprint(self) -> str:
        settings = {name: value for name, value in asdict(self._recipe).items() if name not in ("steps", "cooldown")}
        return repr((sorted(settings.items()), self._seed))

    def _keep(self) -> None:
        beside = self._path.with_suffix(".new")
        torch.save(
            {
                "fingerprint": self._fingerprint(),
                "model": self.model.state_dict(),
                "optimisers": [optimiser.state_dict() for optimiser, _ in self._optimisers],
                "place": (self.step, self._part, self._batch, self.seconds, self.tokens, self.learnt),
                "curve": self.curve,
            },
            beside,
        )
        os.replace(beside, self._path)

    def _resume(self) -> None:
        if not self._path.exists():
            return
        state = torch.load(self._path, map_location="cpu", weights_only=True)
        if state["fingerprint"] != self._fingerprint():
            raise RunError(f"{self._path} is of another recipe or seed; take another folder, or delete it.")
        self.model.load_state_dict(state["model"])
        for (optimiser, _), kept in zip(self._optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)
        self.step, self._part, self._batch, self.seconds, self.tokens, self.learnt = state["place"]
        self.curve = [(int(step), float(loss)) for step, loss in state["curve"]]
