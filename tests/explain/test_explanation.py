"""What `explain` says: tokens, positions, next tokens; and what it refuses."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from alih.errors import DataError, OptionError
from alih.explain.explanation import MOST_TOKENS, explain
from alih.explain.tokens import describe
from alih.transformer.positions import sinusoids
from explain.families import FAMILIES, build, tokenizer

TEXT = "the cat sat on a mat"
POSITIONS = {
    "bert": "learned",
    "roberta": "learned",
    "distilbert": "learned",
    "gpt2": "learned",
    "llama": "rotary",
    "qwen3": "rotary",
    "marian": "sinusoidal",
    "bart": "learned",
    "t5": "relative",
    "alih-transformer": "sinusoidal",
    "alih-transformer-learned": "learned",
    "alih-transformer-rotary": "rotary",
}


@pytest.mark.parametrize(("family", "kind"), POSITIONS.items())
def test_each_family_is_said_to_tell_positions_as_it_does(family: str, kind: str) -> None:
    assert {one.positions for one in explain((build(family), tokenizer()), TEXT).embedded} == {kind}


@pytest.mark.parametrize("family", ["gpt2", "marian", "alih-transformer", "alih-transformer-learned"])
def test_token_and_position_add_up_to_what_enters_block_1(family: str) -> None:
    for one in explain((build(family), tokenizer()), TEXT).embedded:
        assert one.exact
        assert one.position is not None
        torch.testing.assert_close(one.token + one.position, one.entering, atol=1e-5, rtol=0)


def test_the_papers_positions_are_its_sinusoids_on_embeddings_times_the_root_of_d() -> None:
    one = explain((build("alih-transformer"), tokenizer()), TEXT).embedded[0]
    assert one.scale == 4.0
    assert one.position is not None
    torch.testing.assert_close(one.position, sinusoids(7, 16), atol=1e-6, rtol=0)


def test_rotary_angles_are_place_times_frequency() -> None:
    angles = explain((build("llama"), tokenizer(ends=False)), TEXT).embedded[0].angles
    assert angles is not None
    assert float(angles[1, 0]) == pytest.approx(1.0)
    assert float(angles[2, 1]) == pytest.approx(2 / 100)
    assert float(angles[4, 0]) == pytest.approx(4 - 2 * math.pi, abs=1e-5)


@pytest.mark.parametrize("family", ["marian", "t5", "alih-transformer"])
def test_steps_are_those_of_generate(family: str) -> None:
    model = build(family)
    found = explain((model, tokenizer()), TEXT)
    ids = torch.tensor([[token.id for token in found.tokens]])
    with torch.no_grad():
        written = model.generate(ids, do_sample=False, num_beams=1, max_new_tokens=5)  # type: ignore[operator]
    assert [token.id for token in found.target][: written.shape[1]] == written[0].tolist()
    for step in found.steps[:5]:
        before = torch.tensor([[token.id for token in found.target[: step.place]]])
        with torch.no_grad():
            shares = model(input_ids=ids, decoder_input_ids=before).logits[0, -1].softmax(-1)
        assert step.probability == pytest.approx(float(shares[step.token.id]), abs=1e-5)
        assert step.top[0].probability == pytest.approx(float(shares.max()), abs=1e-5)
        assert step.looked_at.shape == (2, 4, len(found.tokens))


def test_a_causal_model_goes_on_and_looks_back_alone() -> None:
    found = explain((build("gpt2"), tokenizer(ends=False)), TEXT)
    assert [token.generated for token in found.tokens[:6]] == [False] * 6
    assert found.steps[0].place == 6
    assert found.steps[0].looked_at.shape == (2, 4, 6)
    assert len({round(float(head.sum()), 4) for head in found.steps[0].looked_at.flatten(0, 1)}) == 1


def test_a_given_target_is_what_is_explained() -> None:
    found = explain((build("marian"), tokenizer()), TEXT, to="the dog ran")
    assert [token.text for token in found.target] == ["<pad>", "the", "dog", "ran", "</s>"]
    assert found.given
    assert found.written == "the dog ran"


def test_a_mask_is_filled_with_the_likeliest_tokens() -> None:
    found = explain((build("bert"), tokenizer()), "the <mask> sat")
    assert [step.place for step in found.steps] == [1]
    shares = [one.probability for one in found.steps[0].top]
    assert shares == sorted(shares, reverse=True)
    assert len(shares) == 5


def test_a_long_text_is_cut_and_its_length_said() -> None:
    found = explain((build("bert"), tokenizer()), "cat " * 100)
    assert (found.cut_from, len(found.tokens)) == (101, 40)
    assert found.tokens[-1].kind == "special"
    causal = explain((build("gpt2"), tokenizer(ends=False)), "cat " * 100)
    assert (causal.steps[0].place, len(causal.tokens)) == (32, 40)
    unlimited = explain((build("t5"), tokenizer()), "cat " * 1000, to="the dog")
    assert (unlimited.cut_from, len(unlimited.tokens)) == (1001, MOST_TOKENS)


@pytest.mark.parametrize("options", [{"layer": 3}, {"layer": 0}, {"head": 5}, {"head": -1}])
def test_a_layer_or_head_that_is_not_there_is_refused_with_the_range(options: dict[str, int]) -> None:
    (name,) = options
    most = {"layer": 2, "head": 4}[name]
    with pytest.raises(OptionError, match=f"--{name} .* has {name}s 1 to {most}"):
        explain((build("bert"), tokenizer()), TEXT, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_text_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="empty"):
        explain((build("bert"), tokenizer()), text)


def test_a_target_for_a_model_that_only_reads_is_refused() -> None:
    with pytest.raises(OptionError, match="writes no text"):
        explain((build("bert"), tokenizer()), TEXT, to="translate")


def test_unknown_and_special_tokens_are_told_apart() -> None:
    found = describe(tokenizer(), tokenizer()("the zebra").input_ids)
    assert [token.kind for token in found] == ["word", "unknown", "special"]


def test_bytes_of_a_character_are_shown_as_bytes() -> None:
    from alih.transformer.vocabulary import train_vocabulary

    made = train_vocabulary(["the cat"], 270)
    found = describe(made, made("the 猫").input_ids)
    assert [token.text for token in found if token.kind == "byte"] == ["<0xE7>", "<0x8C>", "<0xAB>"]


def test_every_family_has_a_page_and_json() -> None:
    for family in FAMILIES:
        found = explain((build(family), tokenizer()), "the cat sat")
        assert "</html>" in found.html("id")
        assert found.to_json().startswith('{"schema": "alih.explain/1"')


def test_a_shallower_decoder_limits_the_layers() -> None:
    from transformers import MarianConfig, MarianMTModel

    config = MarianConfig(**{**FAMILIES["marian"][1].to_dict(), "decoder_layers": 1})
    model = MarianMTModel(config).eval()
    with pytest.raises(OptionError, match="layers 1 to 1"):
        explain((model, tokenizer()), TEXT, layer=2)
    assert "</html>" in explain((model, tokenizer()), TEXT, to="the dog").html()


def test_an_adapted_model_is_shown_by_its_backbone(tmp_path: Path) -> None:
    from alih.pretrained.pooled import AlihPooledConfig, AlihPooledForSequenceClassification

    config = AlihPooledConfig(backbone_config=FAMILIES["bert"][1].to_dict(), num_labels=2)
    AlihPooledForSequenceClassification(config).save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    assert explain(tmp_path, TEXT).family == "bert"
