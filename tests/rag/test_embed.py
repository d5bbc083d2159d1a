"""Vectors are those of sentence-transformers; sentences are pooled from the same pass."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, BertModel

from alih.errors import ModelError
from alih.pretrained.resolve import resolve
from alih.rag.embed import Embedder
from alih.rag.pooling import recipe_of
from alih.tasks.retrieval.folder import write

TEXTS = ["Cats sleep.", "A much longer text about ships and the sea, and about the harbour.", "x", "dua kata saja"] * 5


@pytest.fixture(scope="module")
def minilm() -> Embedder:
    return Embedder()


def test_vectors_equal_those_of_sentence_transformers(minilm: Embedder) -> None:
    library = pytest.importorskip("sentence_transformers")
    reference = library.SentenceTransformer(str(resolve("alih/minilm").path), device="cpu").encode(TEXTS)
    np.testing.assert_allclose(minilm.passages(TEXTS).vectors, reference, atol=2e-6)
    np.testing.assert_allclose(minilm.query(TEXTS[1]), reference[1], atol=2e-6)


@pytest.mark.parametrize("mode", ["cls_token", "max_tokens", "mean_sqrt_len_tokens"])
def test_other_poolings_are_honoured(mode: str, tmp_path: Path) -> None:
    library = pytest.importorskip("sentence_transformers")
    source = resolve("alih/minilm").path
    assert source is not None
    place = tmp_path / "model"
    shutil.copytree(source, place)
    (place / "1_Pooling" / "config.json").write_text(
        json.dumps({"word_embedding_dimension": 384, "pooling_mode_mean_tokens": False, f"pooling_mode_{mode}": True})
    )
    (place / "modules.json").write_text(json.dumps(json.loads((place / "modules.json").read_text())[:2]))
    (place / "config_sentence_transformers.json").write_text(
        json.dumps({"similarity_fn_name": "dot", "prompts": {"query": "query: ", "document": "passage: "}})
    )
    made = Embedder(str(place))
    assert not made.recipe.normalise
    reference = library.SentenceTransformer(str(place), device="cpu")
    np.testing.assert_allclose(
        made.passages(TEXTS[:4]).vectors, reference.encode(TEXTS[:4], prompt="passage: "), atol=1e-4
    )
    np.testing.assert_allclose(made.query("a"), reference.encode(["a"], prompt="query: ")[0], atol=1e-4)


def test_order_and_company_do_not_change_a_vector(minilm: Embedder) -> None:
    together = minilm.passages(TEXTS).vectors
    alone = np.stack([minilm.passages([text]).vectors[0] for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=2e-6)


def test_one_sentence_over_the_whole_text_has_the_mean_of_its_tokens(minilm: Embedder) -> None:
    text = "Cats sleep all day long."
    (found,) = minilm.passages([text], [[(0, len(text))]]).sentences
    tokens = minilm.tokens([text])[0]
    assert tokens.shape == (minilm.count([text])[0], 384)
    np.testing.assert_allclose(np.linalg.norm(tokens, axis=1), 1, atol=1e-5)
    mean = tokens.mean(0) / np.linalg.norm(tokens.mean(0))
    assert float(found[0].astype(np.float32) @ mean) > 0.99
    assert np.linalg.norm(found[0].astype(np.float32)) == pytest.approx(1, abs=1e-2)


def test_sentences_know_their_own_words(minilm: Embedder) -> None:
    text = "The cat sleeps on the sofa. Interest rates rose by two percent."
    spans = [(0, 27), (28, len(text))]
    (found,) = minilm.passages([text], [spans]).sentences
    likeness = found.astype(np.float32) @ minilm.query("What did interest rates do?")
    assert likeness[1] > likeness[0]


def test_counts_are_the_tokenizers(minilm: Embedder) -> None:
    assert minilm.count(["one two three", ""]) == [3, 0]


def test_what_is_no_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such folder"):
        Embedder(str(tmp_path / "none"))
    (tmp_path / "modules.json").write_text(
        json.dumps([{"type": f"sentence_transformers.models.{kind}"} for kind in ("Transformer", "Pooling", "Dense")])
    )
    with pytest.raises(ModelError, match="Dense"):
        recipe_of(tmp_path, "x")


def test_a_prompt_that_is_not_included_is_read_and_not_pooled(tiny_bert: Path, tmp_path: Path) -> None:
    """As sentence-transformers: tokens of the prompt and the start token before it are left out of the mean."""
    folder = Path(shutil.copytree(tiny_bert, tmp_path / "model"))
    modules = [{"path": "", "type": "x.Transformer"}, {"path": "1_Pooling", "type": "x.Pooling"}]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps({"pooling_mode_mean_tokens": True, "include_prompt": False})
    )
    prompts = {"prompts": {"query": "a b ", "document": "c "}, "similarity_fn_name": "dot"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    embedder = Embedder(str(folder))
    model, tokenizer = BertModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)

    def expected(prompt: str, text: str) -> np.ndarray:
        skipped = 1 + len(tokenizer(prompt, add_special_tokens=False)["input_ids"])
        with torch.no_grad():
            states = model(**tokenizer(prompt + text, return_tensors="pt")).last_hidden_state[0]
        mean: np.ndarray = states[skipped:].mean(0).numpy()
        return mean

    np.testing.assert_allclose(embedder.query("d e"), expected("a b ", "d e"), atol=1e-6)
    np.testing.assert_allclose(embedder.queries(["d e", "f"])[1], expected("a b ", "f"), atol=1e-6)
    found = embedder.passages(["d e f", "g"]).vectors
    np.testing.assert_allclose(found[0], expected("c ", "d e f"), atol=1e-6)
    np.testing.assert_allclose(found[1], expected("c ", "g"), atol=1e-6)
    write(embedder.pretrained, embedder.recipe, tmp_path / "written")
    again = Embedder(str(tmp_path / "written"))
    assert not again.recipe.include_prompt
    np.testing.assert_allclose(again.query("d e"), embedder.query("d e"), atol=1e-6)
