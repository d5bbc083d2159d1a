"""The mean-pooled classifier: pooling by hand, losses by hand, and a round trip through the Auto classes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, T5EncoderModel

from alih.errors import ModelError
from alih.pretrained.pooled import AlihPooledConfig, AlihPooledForSequenceClassification, mean_pool
from alih.pretrained.registration import register_all

from .tiny import TEXT, batch, bert, build

register_all()
POOLED = [name for name in TEXT if name.startswith("pooled")]


def test_mean_pool_is_the_mean_over_tokens_that_are_no_padding() -> None:
    hidden = torch.randn(3, 5, 4)
    lengths = (5, 2, 1)
    mask = (torch.arange(5)[None] < torch.tensor(lengths)[:, None]).long()
    by_hand = torch.stack([hidden[i, :length].mean(dim=0) for i, length in enumerate(lengths)])
    torch.testing.assert_close(mean_pool(hidden, mask), by_hand)


def test_mean_pool_without_a_mask_takes_every_token() -> None:
    hidden = torch.randn(2, 5, 4)
    torch.testing.assert_close(mean_pool(hidden, None), hidden.mean(dim=1))


def test_mean_pool_of_an_empty_text_is_zero_and_finite() -> None:
    pooled = mean_pool(torch.randn(1, 3, 4), torch.zeros(1, 3, dtype=torch.long))
    assert torch.equal(pooled, torch.zeros(1, 4))


@pytest.mark.parametrize("name", POOLED)
def test_padding_changes_nothing(name: str) -> None:
    model = build(TEXT[name]())
    padded = batch(model)
    with torch.no_grad():
        together = model(**padded).logits
        for row, length in enumerate(padded["attention_mask"].sum(dim=1).tolist()):
            alone = model(input_ids=padded["input_ids"][row : row + 1, :length]).logits
            torch.testing.assert_close(together[row : row + 1], alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", POOLED)
def test_a_saved_model_opens_with_the_auto_class_and_gives_the_same_logits(name: str, tmp_path: Path) -> None:
    model = build(TEXT[name]())
    model.save_pretrained(tmp_path)
    opened = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert isinstance(opened, AlihPooledForSequenceClassification)
    inputs = batch(model)
    with torch.no_grad():
        assert torch.equal(opened.eval()(**inputs).logits, model(**inputs).logits)


def test_logits_are_the_backbones_mean_through_a_linear_layer() -> None:
    model = build(TEXT["pooled bert"]())
    assert isinstance(model, AlihPooledForSequenceClassification)
    inputs = batch(model)
    with torch.no_grad():
        hidden = model.backbone(**inputs).last_hidden_state
        by_hand = F.linear(mean_pool(hidden, inputs["attention_mask"]), model.classifier.weight, model.classifier.bias)
        torch.testing.assert_close(model(**inputs).logits, by_hand)


@pytest.mark.parametrize(
    ("problem_type", "labels"),
    [
        ("single_label_classification", torch.tensor([0, 2, 1, 1])),
        ("multi_label_classification", torch.tensor([[1.0, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]])),
        ("regression", torch.tensor([0.5, -1.0, 2.0, 0.0])),
    ],
)
def test_the_loss_is_the_one_of_the_problem_type(problem_type: str, labels: torch.Tensor) -> None:
    config = TEXT["pooled bert"]()
    model = build(config, classes=1 if problem_type == "regression" else 3)
    model.config.problem_type = problem_type  # type: ignore[assignment]
    output = model(**batch(model), labels=labels)
    losses = {
        "single_label_classification": lambda: F.cross_entropy(output.logits, labels),
        "multi_label_classification": lambda: F.binary_cross_entropy_with_logits(output.logits, labels),
        "regression": lambda: F.mse_loss(output.logits[:, 0], labels),
    }
    torch.testing.assert_close(output.loss, losses[problem_type]())


def test_return_dict_false_gives_a_tuple_that_starts_with_the_logits() -> None:
    model = build(TEXT["pooled bert"]())
    with torch.no_grad():
        assert torch.equal(model(**batch(model), return_dict=False)[0], model(**batch(model)).logits)


def test_t5_contributes_its_encoder_alone() -> None:
    model = build(TEXT["pooled t5"]())
    assert isinstance(model, AlihPooledForSequenceClassification)
    assert isinstance(model.backbone, T5EncoderModel)
    assert not any("decoder" in name for name, _ in model.named_parameters())


def test_the_encoders_own_pooler_is_left_out() -> None:
    names = [name for name, _ in build(TEXT["pooled bert"]()).named_parameters()]
    assert not any("pooler" in name for name in names)
    assert any("pooler" in name for name, _ in AutoModel.from_config(bert()).named_parameters())


def test_token_embeddings_are_the_encoders() -> None:
    model = build(TEXT["pooled bert"]())
    assert isinstance(model, AlihPooledForSequenceClassification)
    assert model.get_input_embeddings() is model.backbone.get_input_embeddings()
    model.resize_token_embeddings(50)
    assert model.backbone.get_input_embeddings().weight.shape[0] == 50


def test_a_configuration_survives_json() -> None:
    config = AlihPooledConfig(backbone_config=bert(hidden_size=8), classifier_dropout=0.3)
    again = AlihPooledConfig.from_dict(config.to_dict())
    assert (again.hidden_size, again.classifier_dropout, again.backbone.model_type) == (8, 0.3, "bert")


def test_a_configuration_without_backbone_is_refused_in_words() -> None:
    with pytest.raises(ModelError, match="no backbone_config"):
        AlihPooledForSequenceClassification(AlihPooledConfig())
    with pytest.raises(ModelError, match="no model_type"):
        AutoConfig.for_model("alih-pooled", backbone_config={"hidden_size": 8})
