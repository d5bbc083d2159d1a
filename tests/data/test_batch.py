"""Batches hold what the tokenizer or the picture said, and little padding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from alih.data import batch as batch_module
from alih.data import processing
from alih.data.batch import encode, length_batches
from alih.data.examples import Examples
from alih.errors import DataError

from .heard import Heard

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghij"]


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    inner = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="[PAD]",
        unk_token="[UNK]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def _examples(inputs: list[object]) -> Examples:
    return Examples(inputs, None, [f"row {number}" for number in range(1, len(inputs) + 1)])


def test_a_batch_equals_the_tokenizers_own_padding(tokenizer: PreTrainedTokenizerFast) -> None:
    texts = ["a b c", "d", "e f g h i j", "a"]
    encoded = encode(tokenizer, _examples(texts), 6)
    expected = tokenizer(texts, truncation=True, max_length=6, padding="longest", return_tensors="pt")
    found = encoded.collate([0, 1, 2, 3])
    assert found.keys() == set(expected.keys())
    assert all(torch.equal(found[name], expected[name]) for name in found)
    assert encoded.lengths.tolist() == [5, 3, 6, 3]
    assert encoded.truncated == 1


def test_a_batch_is_padded_only_to_its_own_longest_text(tokenizer: PreTrainedTokenizerFast) -> None:
    encoded = encode(tokenizer, _examples(["a b c d e f", "a", "b"]), None)
    assert encoded.collate([2, 1])["input_ids"].tolist() == [[2, 5, 3], [2, 4, 3]]
    assert encoded.truncated == 0


def test_pairs_are_encoded_as_pairs(tokenizer: PreTrainedTokenizerFast) -> None:
    encoded = encode(tokenizer, _examples([("a b", "c"), ("d", "e f")]), 16)
    expected = tokenizer(["a b", "d"], ["c", "e f"], padding=True, return_tensors="pt")
    found = encoded.collate([0, 1])
    assert all(torch.equal(found[name], expected[name]) for name in found)
    assert found["token_type_ids"].max() == 1


def test_an_empty_text_keeps_one_token() -> None:
    inner = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="[UNK]"))
    bare = PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="[PAD]", unk_token="[UNK]")
    encoded = encode(bare, _examples(["", "a"]), 8)
    assert encoded.collate([0, 1])["attention_mask"].tolist() == [[1], [1]]


def test_selecting_then_collating_is_collating_the_selected(tokenizer: PreTrainedTokenizerFast) -> None:
    encoded = encode(tokenizer, _examples(["a b c", "d", "e f"]), 8)
    one, other = encoded.select([2, 0]).collate([0, 1]), encoded.collate([2, 0])
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_digest_follows_the_content(tokenizer: PreTrainedTokenizerFast) -> None:
    def digest(*texts: str) -> str:
        return encode(tokenizer, _examples(list(texts)), 8).digest()

    assert digest("a b", "c") == digest("a b", "c")
    assert len({digest("a b", "c"), digest("a", "b c"), digest("c", "a b"), digest("a b")}) == 4
    whole = encode(tokenizer, _examples(["a b", "c", "d"]), 8)
    assert whole.select([0, 1]).digest() == digest("a b", "c")


class _Halve:
    """An image processor that scales pixels to 0…0.5."""

    def __call__(self, images: list[Image.Image], return_tensors: str) -> dict[str, np.ndarray]:
        assert return_tensors == "np"
        assert all(image.mode == "RGB" for image in images)
        return {"pixel_values": np.stack([np.asarray(image).transpose(2, 0, 1) / 510.0 for image in images])}


def _pictures(folder: Path) -> list[object]:
    random = np.random.default_rng(0)
    grey, colour = random.integers(0, 256, (4, 4), np.uint8), random.integers(0, 256, (4, 4, 3), np.uint8)
    Image.fromarray(colour).save(folder / "picture.png")
    return [grey, colour, folder / "picture.png"]


def test_pictures_may_be_grey_arrays_colour_arrays_or_files(tmp_path: Path) -> None:
    pictures = _pictures(tmp_path)
    encoded = encode(_Halve(), _examples(pictures), None)
    pixels = encoded.collate([0, 1, 2])["pixel_values"]
    assert pixels.shape == (3, 3, 4, 4)
    assert pixels.dtype == torch.float32
    assert torch.equal(pixels[1], pixels[2])
    np.testing.assert_allclose(pixels[0, 2].numpy() * 510, pictures[0], atol=1e-3)
    assert encoded.placeholder([0, 1])["pixel_values"].shape == (2, 3, 4, 4)


def test_pictures_too_many_for_memory_are_decoded_batch_by_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = _examples(_pictures(tmp_path))
    kept = encode(_Halve(), examples, None)
    monkeypatch.setattr(batch_module, "PIXEL_BYTES", 100)
    decoded = encode(_Halve(), examples, None)
    assert torch.equal(decoded.collate([2, 0])["pixel_values"], kept.collate([2, 0])["pixel_values"])
    assert decoded.digest() == encode(_Halve(), examples, None).digest()
    (tmp_path / "picture.png").write_bytes(b"no picture any more")
    with pytest.raises(DataError, match=r"^row 3: the picture cannot be read"):
        decoded.collate([2])


def test_an_unreadable_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff broken")
    with pytest.raises(DataError, match=r"^row 2: the picture cannot be read"):
        encode(_Halve(), _examples([np.zeros((4, 4), np.uint8), tmp_path / "bad.jpg"]), None)


def test_photographs_are_decoded_few_at_a_time_and_thumbnails_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[int] = []

    class _Means:
        def __call__(self, images: list[Image.Image], return_tensors: str) -> dict[str, np.ndarray]:
            groups.append(len(images))
            return {"pixel_values": np.stack([np.full((3, 2, 2), np.asarray(image).mean()) for image in images])}

    shades = [np.full((40, 40), shade, np.uint8) for shade in range(20)]
    monkeypatch.setattr(processing, "_GROUP_PIXELS", 5 * 40 * 40)
    encoded = encode(_Means(), _examples(list(shades)), None)
    assert groups == [1, 5, 5, 5, 5]  # the first alone tells the shape
    assert encoded.collate(range(20))["pixel_values"][:, 0, 0, 0].tolist() == list(range(20))
    groups.clear()
    encode(_Means(), _examples([shade[:2, :2] for shade in shades]), None)
    assert groups == [1, 20]


def test_copies_are_encoded_without_counting_what_is_cut(tokenizer: PreTrainedTokenizerFast) -> None:
    examples = _examples(["a b c d e f", "a"])
    counted, copy = encode(tokenizer, examples, 4), encode(tokenizer, examples, 4, count_cut=False)
    assert (counted.truncated, copy.truncated) == (1, 0)
    assert copy.digest() == counted.digest()


def test_encoding_says_how_far_it_is(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    heard = Heard()
    encode(tokenizer, _examples(["a b"] * 700), 8, progress=heard)
    encode(_Halve(), _examples(_pictures(tmp_path)), None, progress=heard)
    assert heard.steps == {"Tokenising the texts": (700, 700), "Decoding the pictures": (3, 3)}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 200), max_size=300),
    st.integers(1, 40),
    st.one_of(st.none(), st.integers(0, 2**32 - 1)),
)
def test_batches_hold_every_index_once(lengths: list[int], size: int, seed: int | None) -> None:
    array = np.asarray(lengths, dtype=np.int64)
    batches = length_batches(array, size, shuffle_seed=seed)
    assert sorted(np.concatenate([*batches, np.zeros(0, np.int64)]).tolist()) == list(range(len(lengths)))
    assert all(0 < len(batch) <= size for batch in batches)
    assert len(batches) == -(-len(lengths) // size)


def _padding(lengths: np.ndarray, batches: list[np.ndarray]) -> float:
    return 1 - int(lengths.sum()) / sum(int(lengths[batch].max()) * len(batch) for batch in batches)


@pytest.mark.parametrize("count", [2_000, 10_000])
def test_less_than_three_percent_of_shuffled_batches_is_padding(count: int) -> None:
    lengths = np.random.default_rng(0).integers(5, 129, count)
    assert _padding(lengths, length_batches(lengths, 32, shuffle_seed=1)) < 0.03


def test_shuffled_batches_pad_hardly_more_than_fully_sorted_ones() -> None:
    lengths = np.random.default_rng(0).lognormal(3.3, 0.7, 10_000).astype(np.int64).clip(3, 256)
    best = _padding(lengths, length_batches(lengths, 32, shuffle_seed=None))
    assert _padding(lengths, length_batches(lengths, 32, shuffle_seed=1)) < best + 0.04


def test_shuffled_batches_repeat_with_the_seed_and_differ_without() -> None:
    lengths = np.random.default_rng(0).integers(5, 60, 500)

    def order(seed: int) -> list[int]:
        return np.concatenate(length_batches(lengths, 16, shuffle_seed=seed)).tolist()

    assert order(3) == order(3)
    assert order(3) != order(4)


def test_the_longest_example_comes_first() -> None:
    lengths = np.random.default_rng(0).integers(5, 60, 500)
    lengths[123] = 512
    assert 123 in length_batches(lengths, 16, shuffle_seed=5)[0]
    assert length_batches(lengths, 16, shuffle_seed=None)[0][0] == 123


def test_the_same_examples_do_not_always_meet() -> None:
    lengths = np.random.default_rng(0).integers(5, 60, 512)
    partners = {
        frozenset(batch.tolist())
        for seed in range(10)
        for batch in length_batches(lengths, 32, shuffle_seed=seed)
        if 7 in batch
    }
    assert len(partners) >= 8


def test_scored_batches_stay_below_the_most_tokens() -> None:
    lengths = np.random.default_rng(0).integers(1, 513, 1_000)
    batches = length_batches(lengths, 128, shuffle_seed=None, most_tokens=4096)
    assert sorted(np.concatenate(batches).tolist()) == list(range(1_000))
    assert all(int(lengths[batch].max()) * len(batch) <= 4096 for batch in batches)
    assert length_batches(np.array([9_000, 2]), 2, shuffle_seed=None, most_tokens=10)[0].tolist() == [0]
