"""Positions: the paper's formula and identity, and what rotation promises."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

from alih.errors import ModelError
from alih.transformer.positions import LearnedPositions, SinusoidalPositions, frequencies, positions, rotate, sinusoids


def test_sinusoids_are_the_papers_formula() -> None:
    table = sinusoids(50, 8)
    for place in (0, 1, 17, 49):
        for i in range(4):
            angle = place / 10000 ** (2 * i / 8)
            assert table[place, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[place, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)


@given(place=st.integers(0, 400), shift=st.integers(0, 400), half=st.integers(1, 16))
def test_a_shift_is_a_rotation_that_depends_on_the_shift_alone(place: int, shift: int, half: int) -> None:
    table = sinusoids(801, 2 * half).double()
    sine, cosine = table[place].unflatten(0, (half, 2)).unbind(-1)
    angle = shift * frequencies(2 * half)
    turned = torch.stack(
        (sine * angle.cos() + cosine * angle.sin(), cosine * angle.cos() - sine * angle.sin()), dim=-1
    ).flatten()
    torch.testing.assert_close(table[place + shift], turned, atol=1e-5, rtol=0)


def test_the_table_grows_and_starts_anywhere() -> None:
    module = SinusoidalPositions(6)
    short = module(torch.zeros(1, 3, 6))
    torch.testing.assert_close(short[0], sinusoids(3, 6))
    torch.testing.assert_close(module(torch.zeros(1, 2, 6), start=40)[0], sinusoids(42, 6)[40:])


@given(start=st.integers(0, 50), distance=st.integers(0, 20))
def test_rotated_products_depend_on_the_distance_alone(start: int, distance: int) -> None:
    generator = torch.Generator().manual_seed(0)
    query, key = (torch.randn(1, 1, 1, 8, generator=generator, dtype=torch.float64) for _ in range(2))
    there = (rotate(query, start + distance) * rotate(key, start)).sum()
    here = (rotate(query, distance) * rotate(key, 0)).sum()
    torch.testing.assert_close(there, here, atol=1e-9, rtol=0)


def test_rotation_equals_llamas() -> None:
    torch.manual_seed(0)
    vectors = torch.randn(2, 2, 9, 16)
    rotary = LlamaRotaryEmbedding(LlamaConfig(hidden_size=32, num_attention_heads=2, head_dim=16))
    cosine, sine = rotary(vectors, torch.arange(9)[None])
    theirs, _ = apply_rotary_pos_emb(vectors, vectors, cosine, sine)
    torch.testing.assert_close(rotate(vectors), theirs, atol=1e-5, rtol=0)


def test_too_long_a_sequence_for_learned_positions_is_refused_in_words() -> None:
    module = LearnedPositions(4, 5)
    assert module(torch.zeros(1, 2, 4), start=3).shape == (1, 2, 4)
    with pytest.raises(ModelError, match="max_position_embeddings"):
        module(torch.zeros(1, 3, 4), start=3)


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ModelError, match="sinusoidal, learned, rotary or none"):
        positions("relative", 4, 10)
