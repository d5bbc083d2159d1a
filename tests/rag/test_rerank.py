"""Rerankers score as their definitions say, in any order and any company."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    LlamaConfig,
    LlamaForSequenceClassification,
)

from alih.errors import ModelError
from alih.pretrained.resolve import resolve
from alih.rag.catalogue import SourceRow
from alih.rag.embed import Embedder
from alih.rag.library import Library
from alih.rag.passage import Passage
from alih.rag.rerank import CrossEncoder, LateInteraction
from alih.rag.retrieve import diverse

QUESTION = "How long is a taxi receipt valid?"
TEXTS = ["Taxi receipts are refunded within 30 days.", "Flights", "The office closes at six. Visitors sign in.", "x"]


def cross_encoder(source: Path, place: Path, outputs: int) -> Path:
    shutil.copytree(source, place)
    torch.manual_seed(0)
    config = BertConfig.from_pretrained(source, num_labels=outputs)
    BertForSequenceClassification(config).save_pretrained(place)
    return place


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_cross_encoder_gives_its_logit_for_each_pair_alone(tiny_bert: Path, tmp_path: Path, outputs: int) -> None:
    place = cross_encoder(tiny_bert, tmp_path / "cross", outputs)
    model = BertForSequenceClassification.from_pretrained(place).eval()
    tokenizer = AutoTokenizer.from_pretrained(place)
    expected = []
    for text in TEXTS:
        with torch.inference_mode():
            logits = model(**tokenizer(QUESTION, text, return_tensors="pt")).logits[0]
        expected.append(float(logits[0] if outputs == 1 else logits[1] - logits[0]))
    np.testing.assert_allclose(CrossEncoder(str(place)).scores(QUESTION, TEXTS), expected, atol=1e-5)
    assert CrossEncoder(str(place)).scores(QUESTION, []).shape == (0,)


def test_a_decoder_without_a_padding_token_scores_pairs_of_unequal_length_as_each_alone(tmp_path: Path) -> None:
    place = tmp_path / "cross"
    tokenizer = AutoTokenizer.from_pretrained(resolve("alih/lm-small").path)
    tokenizer.pad_token = None
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = LlamaForSequenceClassification(LlamaConfig(vocab_size=len(tokenizer), num_labels=1, **sizes)).eval()
    model.config.pad_token_id = None
    for part in (model, tokenizer):
        part.save_pretrained(place)
    expected = []
    for text in TEXTS:
        with torch.inference_mode():
            expected.append(float(model(**tokenizer(QUESTION, text, return_tensors="pt")).logits[0, 0]))
    np.testing.assert_allclose(CrossEncoder(str(place)).scores(QUESTION, TEXTS), expected, atol=1e-5)


def test_a_pair_longer_than_the_model_reads_is_cut_from_its_longer_text(tiny_bert: Path, tmp_path: Path) -> None:
    place = cross_encoder(tiny_bert, tmp_path / "cross", 1)
    told = json.loads((place / "tokenizer_config.json").read_text())
    told.pop("model_max_length", None)  # many folders do not say it
    (place / "tokenizer_config.json").write_text(json.dumps(told))
    model = BertForSequenceClassification.from_pretrained(place).eval()
    tokenizer = AutoTokenizer.from_pretrained(place)
    most = model.config.max_position_embeddings
    text = "the visitor signs in " * most
    with torch.inference_mode():
        batch = tokenizer(QUESTION, text, truncation="only_second", max_length=most, return_tensors="pt")
        expected = float(model(**batch).logits[0, 0])
    assert CrossEncoder(str(place)).scores(QUESTION, [text])[0] == pytest.approx(expected, abs=1e-5)


def test_a_library_is_searched_and_asked_with_a_cross_encoder(
    handbook: Library, tiny_bert: Path, tmp_path: Path
) -> None:
    place = str(cross_encoder(tiny_bert, tmp_path / "cross", 1))
    plain = handbook.search(QUESTION, k=5)
    model = BertForSequenceClassification.from_pretrained(place).eval()
    tokenizer = AutoTokenizer.from_pretrained(place)
    found = handbook.search(QUESTION, rerank=place, k=5)
    for one in found:
        text = f"{one.heading}\n{one.text}" if one.heading else one.text
        with torch.inference_mode():
            expected = float(model(**tokenizer(QUESTION, text, return_tensors="pt")).logits[0, 0])
        assert one.scores["rerank"] == pytest.approx(expected, abs=1e-5)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    every = {one.id for one in handbook.search(QUESTION, k=20)}
    assert {one.id for one in found} <= every
    assert len(found) == len(plain)
    answer = handbook.ask(QUESTION, rerank=place, k=5, threshold=0.0)
    assert [one.id for one in answer.passages] == [one.id for one in found]
    assert all(one.quote in {sentence.text for sentence in answer.sentences} for one in answer.citations)


def test_what_is_no_reranker_is_refused(tiny_bert: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="3 classes"):
        CrossEncoder(str(cross_encoder(tiny_bert, tmp_path / "three", 3)))
    with pytest.raises(ModelError):
        CrossEncoder(str(tmp_path / "none"))


def test_late_interaction_is_the_mean_of_the_best_matches() -> None:
    embedder = Embedder()
    found = LateInteraction(embedder).scores(QUESTION, TEXTS)
    (asked,) = embedder.tokens([QUESTION], queries=True)
    for score, text in zip(found, TEXTS, strict=True):
        (told,) = embedder.tokens([text])
        brute = [max(float(np.dot(q, d)) for d in told) for q in asked]
        assert score == pytest.approx(sum(brute) / len(brute), abs=1e-5)
    assert int(np.argmax(found)) == 0


def test_reranking_orders_by_the_second_look(handbook: Library) -> None:
    found = handbook.search(QUESTION, rerank="late", k=5)
    scores = [one.scores["rerank"] for one in found]
    assert scores == sorted(scores, reverse=True)
    texts = [f"{one.heading}\n{one.text}" if one.heading else one.text for one in found]
    np.testing.assert_allclose(LateInteraction(handbook.embedder).scores(QUESTION, texts), scores, atol=1e-5)


def made(number: int, score: float, vector: np.ndarray) -> Passage:
    row = SourceRow("a.txt", number, str(number), 0, 1, (), (), None)
    return Passage(str(number), "x", "", (row,), score, vectors=vector[None].astype(np.float16))


@pytest.mark.parametrize("diversity", [0.0, 0.2, 0.5, 1.0])
def test_diversity_takes_what_a_brute_force_search_takes(diversity: float) -> None:
    generator = np.random.default_rng(3)
    vectors = generator.normal(size=(12, 6))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = [made(row, float(score), vectors[row]) for row, score in enumerate(sorted(generator.random(12))[::-1])]
    low, high = found[-1].score, found[0].score
    taken = [found[0]]
    while len(taken) < 6:
        rest = [one for one in found if one not in taken]
        value = [
            (1 - diversity) * (one.score - low) / (high - low)
            - diversity * max(float(one.mean @ other.mean) for other in taken)
            for one in rest
        ]
        taken.append(rest[value.index(max(value))])
    assert [one.id for one in diverse(found, 6, diversity)] == [one.id for one in taken]


def test_context_is_the_passage_with_its_neighbours(handbook: Library) -> None:
    plain = handbook.search("cuti tahunan", k=1)[0]
    wide = handbook.search("cuti tahunan", k=1, neighbours=1)[0]
    assert (plain.context, wide.text) == (plain.text, plain.text)
    assert plain.text in wide.context
    source = wide.sources[0]
    around = handbook.catalogue.neighbours(source.document, source.ordinal - 1, source.ordinal + 1)
    assert wide.context == "\n\n".join(text for _, text in around)
