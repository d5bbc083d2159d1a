"""Sizes of a Transformer that is trained from scratch, and how long it trains, by the number of pairs."""

from __future__ import annotations

from alih.tasks.translation.recipe import Recipe

#: The paper's base model (table 3), and smaller ones for fewer pairs.
RECIPES = {
    "tiny": Recipe(
        vocabulary=2000,
        d_model=96,
        layers=2,
        heads=4,
        d_ff=256,
        dropout=0.2,
        norm_first=True,
        warmup=200,
        rate_scale=0.4,
        most_tokens=1000,
        checkpoint_every=100,
    ),
    "small": Recipe(
        vocabulary=4000,
        d_model=192,
        layers=3,
        heads=4,
        d_ff=512,
        dropout=0.15,
        norm_first=True,
        warmup=600,
        rate_scale=0.8,
        most_tokens=2000,
        checkpoint_every=125,
    ),
    "base": Recipe(
        vocabulary=8000, d_model=256, layers=4, heads=4, d_ff=1024, norm_first=True, most_tokens=4000, warmup=2000
    ),
    "paper": Recipe(
        vocabulary=37_000, d_model=512, layers=6, heads=8, d_ff=2048, warmup=4000, most_tokens=25_000, steps=100_000
    ),
}
#: Fewer pairs than these get the size.
_BELOW = (("tiny", 5_000), ("small", 150_000))
#: Most updates that are made where the user names no number; training ends before where it gets no better.
_EPOCHS, _LEAST_STEPS, _MOST_STEPS = 60, 1_500, 100_000


def size_for(pairs: int) -> str:
    """The size that suits so many training pairs."""
    return next((name for name, count in _BELOW if pairs < count), "base")


def steps_for(batches: int) -> int:
    """Updates to make at most, for so many batches an epoch."""
    return min(_MOST_STEPS, max(_LEAST_STEPS, _EPOCHS * batches))
