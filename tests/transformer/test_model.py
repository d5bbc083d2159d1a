"""The whole Transformer: tied embeddings, loss, weights on request, decoding with and without cache, save and load."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from transformers import AutoConfig, AutoModel, AutoModelForSeq2SeqLM

from alih.errors import ModelError
from alih.transformer.attention import causal_mask
from alih.transformer.configuration import AlihTransformerConfig
from alih.transformer.length_penalty import PaperLengthPenalty
from alih.transformer.model import AlihTransformerForConditionalGeneration, AlihTransformerModel, shift_right
from alih.transformer.registration import register
from transformer.pytorch_weights import copy_attention, copy_rest, shake

KINDS = ("sinusoidal", "learned", "rotary")


def tiny(vocab_size: int = 23, **options: object) -> AlihTransformerForConditionalGeneration:
    torch.manual_seed(0)
    config = AlihTransformerConfig(
        **{"vocab_size": vocab_size, "d_model": 16, "layers": 2, "heads": 4, "d_ff": 32, **options}  # type: ignore[arg-type]
    )
    model = AlihTransformerForConditionalGeneration(config).eval()
    with torch.no_grad():  # larger than at the start of training: predictions that are not all alike
        for parameter in model.parameters():
            parameter.mul_(1.5)
    return model


def sources(vocab_size: int = 23) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    ids = torch.randint(3, vocab_size, (3, 6))
    mask = (torch.arange(6) < torch.tensor([6, 4, 2])[:, None]).long()
    return {"input_ids": ids * mask, "attention_mask": mask}


def test_the_base_model_has_the_papers_size() -> None:
    with torch.device("meta"):
        model = AlihTransformerForConditionalGeneration(AlihTransformerConfig())
    model.tie_weights()
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(65e6, rel=0.05)  # table 3: 65·10⁶


def test_one_matrix_embeds_source_and_target_and_makes_the_logits() -> None:
    model = tiny()
    matrices = (model.model.encoder.embed_tokens, model.model.decoder.embed_tokens, model.lm_head)
    assert all(module.weight is model.model.shared.weight for module in matrices)


def test_embeddings_are_scaled_by_the_root_of_the_width() -> None:
    encoder = tiny(positions="none").model.encoder
    ids = torch.tensor([[3, 4]])
    torch.testing.assert_close(encoder.embed(ids, None), 4.0 * encoder.embed_tokens(ids))


def test_shift_right_puts_the_start_first_and_padding_for_ignored_labels() -> None:
    assert shift_right(torch.tensor([[5, 6, -100]]), start=1, pad=0).tolist() == [[1, 5, 6]]
    assert shift_right(torch.tensor([[5, -100, -100]]), start=1, pad=0).tolist() == [[1, 5, 0]]


def test_the_loss_smooths_labels_in_training_and_ignores_padding() -> None:
    model = tiny(dropout=0.0)
    labels = torch.tensor([[5, 6, 2], [7, 2, 0], [9, -100, -100]])
    for training in (True, False):
        output = model.train(training)(**sources(), labels=labels)
        logs = output.logits.log_softmax(-1)
        told = [(0, 0, 5), (0, 1, 6), (0, 2, 2), (1, 0, 7), (1, 1, 2), (2, 0, 9)]
        smoothing = 0.1 if training else 0.0
        each = [-(1 - smoothing) * logs[b, t, y] - smoothing * logs[b, t].mean() for b, t, y in told]
        torch.testing.assert_close(output.loss, torch.stack(each).mean())


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("positions", KINDS)
def test_padding_changes_nothing(positions: str, norm_first: bool) -> None:
    model = tiny(positions=positions, norm_first=norm_first)
    batch, target = sources(), torch.tensor([[1, 5, 6]])
    together = model(**batch, decoder_input_ids=target.expand(3, -1)).logits
    for row, length in enumerate((6, 4, 2)):
        alone = model(batch["input_ids"][row : row + 1, :length], decoder_input_ids=target).logits
        torch.testing.assert_close(together[row], alone[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("positions", KINDS)
def test_the_future_is_not_seen(positions: str) -> None:
    model = tiny(positions=positions)
    target = torch.randint(3, 23, (3, 7))
    changed = target.clone()
    changed[:, 4:] = 3
    before, after = (model(**sources(), decoder_input_ids=ids).logits for ids in (target, changed))
    torch.testing.assert_close(before[:, :4], after[:, :4], atol=1e-6, rtol=0)


def test_the_encoder_without_positions_is_permutation_equivariant() -> None:
    encoder = tiny(positions="none").model.encoder
    ids, order = torch.randint(3, 23, (2, 8)), torch.randperm(8)
    torch.testing.assert_close(encoder(ids[:, order])[0], encoder(ids)[0][:, order], atol=1e-5, rtol=1e-5)
    ordered = tiny().model.encoder
    assert not torch.allclose(ordered(ids[:, order])[0], ordered(ids)[0][:, order], atol=1e-2)


def test_every_weight_is_returned_on_request_and_changes_nothing() -> None:
    model = tiny()
    target = torch.randint(3, 23, (3, 5))
    plain = model(**sources(), decoder_input_ids=target)
    shown = model(**sources(), decoder_input_ids=target, output_attentions=True, output_hidden_states=True)
    torch.testing.assert_close(shown.logits, plain.logits, atol=1e-5, rtol=1e-5)
    for weights, shape in (
        (shown.encoder_attentions, (3, 4, 6, 6)),
        (shown.decoder_attentions, (3, 4, 5, 5)),
        (shown.cross_attentions, (3, 4, 5, 6)),
    ):
        assert [w.shape for w in weights] == [shape, shape]
        for w in weights:
            torch.testing.assert_close(w.sum(-1), torch.ones(shape[:3]), atol=1e-5, rtol=0)
    assert (shown.cross_attentions[0][2, :, :, 2:] == 0).all()  # padding of the third source
    assert len(shown.encoder_hidden_states) == len(shown.decoder_hidden_states) == 3
    assert plain.encoder_attentions is None


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("positions", KINDS)
@pytest.mark.parametrize("beams", [1, 4])
def test_decoding_with_the_cache_equals_decoding_without(positions: str, norm_first: bool, beams: int) -> None:
    model = tiny(positions=positions, norm_first=norm_first)
    options = {"num_beams": beams, "max_new_tokens": 12, "do_sample": False, "min_new_tokens": 5}
    cached = model.generate(**sources(), **options, use_cache=True)
    assert torch.equal(cached, model.generate(**sources(), **options, use_cache=False))


def test_several_new_positions_at_once_continue_the_cache() -> None:
    model = tiny(positions="rotary")
    target = torch.randint(3, 23, (3, 9))
    whole = model(**sources(), decoder_input_ids=target, use_cache=False)
    first = model(**sources(), decoder_input_ids=target[:, :4], use_cache=True)
    rest = model(**sources(), decoder_input_ids=target[:, 4:], past_key_values=first.past_key_values, use_cache=True)
    torch.testing.assert_close(torch.cat((first.logits, rest.logits), 1), whole.logits, atol=1e-5, rtol=1e-5)


def test_greedy_decoding_takes_the_best_token_each_time_and_sampling_follows_its_seed() -> None:
    model = tiny()
    written = model.generate(**sources(), max_new_tokens=6, min_new_tokens=6, do_sample=False)
    for step in range(1, 6):
        scores = model(**sources(), decoder_input_ids=written[:, :step]).logits[:, -1]
        scores[:, 2] = -math.inf  # the end is forbidden by min_new_tokens
        assert torch.equal(scores.argmax(-1), written[:, step])
    draws = []
    for _ in range(2):
        torch.manual_seed(5)
        draws.append(model.generate(**sources(), max_new_tokens=6, do_sample=True))
    assert torch.equal(*draws)


@pytest.mark.parametrize("penalty", [0.0, 1.0, PaperLengthPenalty(0.6), PaperLengthPenalty(1.5)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_wide_beam_equals_exhaustive_search(penalty: float, seed: int) -> None:
    model = tiny(vocab_size=6)
    torch.manual_seed(seed)
    source = {"input_ids": torch.randint(3, 6, (1, 4))}
    longest = 4
    best: tuple[float, list[int]] = (-math.inf, [])
    for length in range(1, longest + 1):
        for body in itertools.product((0, 1, 3, 4, 5), repeat=length - 1):
            for last in (2,) if length < longest else range(6):
                ids = [*body, last]
                logits = model(**source, decoder_input_ids=torch.tensor([[1, *ids[:-1]]])).logits[0]
                log = logits.log_softmax(-1)[range(length), ids].sum().item()
                if isinstance(penalty, PaperLengthPenalty):
                    score = log / ((5 + length) / 6) ** float(penalty)
                else:
                    score = log / length**penalty
                best = max(best, (score, ids))
    found = model.generate(
        **source,
        num_beams=6**longest,
        max_new_tokens=longest,
        length_penalty=penalty,
        early_stopping="never",
        output_scores=True,
        return_dict_in_generate=True,
    )
    written = found.sequences[0, 1:].tolist()
    assert found.sequences_scores[0].item() == pytest.approx(best[0], abs=1e-4)
    assert written[: len(best[1])] == best[1]


def test_the_papers_length_penalty_is_that_of_wu_et_al() -> None:
    assert 7 ** PaperLengthPenalty(0.6) == pytest.approx((12 / 6) ** 0.6)
    assert 1 ** PaperLengthPenalty(0.6) == 1.0


@pytest.mark.parametrize("positions", KINDS)
def test_saving_and_loading_through_the_auto_classes_changes_nothing(tmp_path: Path, positions: str) -> None:
    register()
    model = tiny(positions=positions)
    model.save_pretrained(tmp_path)
    assert isinstance(AutoConfig.from_pretrained(tmp_path), AlihTransformerConfig)
    again = AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
    assert isinstance(AutoModel.from_pretrained(tmp_path), AlihTransformerModel)
    assert again.lm_head.weight is again.model.shared.weight is again.model.decoder.embed_tokens.weight
    target = torch.randint(3, 23, (3, 5))
    assert torch.equal(
        model(**sources(), decoder_input_ids=target).logits, again(**sources(), decoder_input_ids=target).logits
    )


def test_import_alih_alone_teaches_the_auto_classes(tmp_path: Path) -> None:
    tiny().save_pretrained(tmp_path)
    code = (
        "import sys, alih; from transformers import AutoConfig, AutoModel, AutoModelForSeq2SeqLM\n"
        "for kind in (AutoConfig, AutoModel, AutoModelForSeq2SeqLM):\n"
        "    print(type(kind.from_pretrained(sys.argv[1])).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stdout.split() == [
        "AlihTransformerConfig",
        "AlihTransformerModel",
        "AlihTransformerForConditionalGeneration",
    ], done.stderr


def test_sampled_tokens_come_as_often_as_their_probabilities_say() -> None:
    model, draws = tiny(vocab_size=9), 4000
    source = {"input_ids": torch.tensor([[3, 5, 4, 2]])}
    odds = model(**source, decoder_input_ids=torch.tensor([[1]])).logits[0, -1].softmax(-1)
    torch.manual_seed(0)
    written = model.generate(
        **source, do_sample=True, top_k=0, max_new_tokens=1, num_return_sequences=draws, num_beams=1
    )
    counts = torch.bincount(written[:, 1], minlength=9).double()
    expected = odds.double() * draws
    # Pearson's statistic; 26.1 is its 99.9 % quantile with eight degrees of freedom.
    assert ((counts - expected) ** 2 / expected).sum() < 26.1
    assert odds.max() < 0.9


def test_the_whole_stack_equals_pytorchs_transformer() -> None:
    torch.manual_seed(6)
    theirs = nn.Transformer(16, 4, 2, 2, 32, dropout=0.0, batch_first=True, norm_first=True)
    shake(theirs)
    model = tiny(norm_first=True, dropout=0.0).model
    for ours, reference in ((model.encoder, theirs.encoder), (model.decoder, theirs.decoder)):
        ours.norm.load_state_dict(reference.norm.state_dict())
        for block, layer in zip(ours.blocks, reference.layers, strict=True):
            copy_attention(block.self_attention, layer.self_attn)
            copy_rest(block, layer)
            if ours is model.decoder:
                copy_attention(block.cross_attention, layer.multihead_attn)
    batch, target = sources(), torch.randint(3, 23, (3, 5))
    hidden, past = batch["attention_mask"] == 0, ~causal_mask(5, 5)
    theirs.train()  # the same function without dropout; in evaluation it takes another path
    reference = theirs(
        model.encoder.embed(batch["input_ids"], None),
        model.decoder.embed(target, None),
        tgt_mask=past,
        src_key_padding_mask=hidden,
        memory_key_padding_mask=hidden,
    )
    mine = model(**batch, decoder_input_ids=target).last_hidden_state
    torch.testing.assert_close(mine, reference, atol=1e-5, rtol=1e-5)


def test_the_base_model_as_tuple_equals_itself_as_output() -> None:
    model = tiny().model
    batch = {**sources(), "decoder_input_ids": torch.tensor([[1], [1], [1]])}
    assert torch.equal(model(**batch, return_dict=False)[0], model(**batch).last_hidden_state)


def test_no_target_and_impossible_sizes_are_refused_in_words() -> None:
    with pytest.raises(ModelError, match="decoder_input_ids"):
        tiny()(**sources())
    with pytest.raises(ModelError, match="no multiple"):
        AlihTransformerConfig(d_model=10, heads=3)
    with pytest.raises(ModelError, match="dropout"):
        AlihTransformerConfig(dropout=1.0)


def test_a_gradient_reaches_every_parameter() -> None:
    model = tiny().train()
    model(**sources(), labels=torch.randint(3, 23, (3, 5))).loss.backward()
    assert all(
        p.grad is not None and F.relu(p.grad.abs()).sum() > 0
        for n, p in model.named_parameters()
        if "k_proj.bias" not in n
    )
