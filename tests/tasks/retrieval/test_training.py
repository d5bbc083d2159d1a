"""What an embedding model learns from, and how it is looked at: batches, negatives, ranks, losses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alih.progress import Progress
from alih.rag.embed import Embedder
from alih.tasks.retrieval.loss import ranking_loss
from alih.tasks.retrieval.pairs import Question, Questions, all_questions, read_pairs
from alih.tasks.retrieval.ranking import METRICS, ranked, statistics
from alih.tasks.retrieval.training import (
    EncodedQuestions,
    RankingFeed,
    RankingLook,
    RankingModel,
    batches,
    objective,
    unpacked,
)

_QUIET = Progress(quiet=True)


def encoded_of(embedder: Embedder, examples: Questions) -> EncodedQuestions:
    return EncodedQuestions.of(embedder.pretrained, embedder.recipe, examples, [()] * len(examples), _QUIET)


@given(st.lists(st.integers(0, 5), min_size=2, max_size=40), st.integers(2, 8), st.integers(0, 99))
def test_a_question_is_in_a_batch_but_once_and_no_pair_is_taken_twice(numbers: list[int], size: int, seed: int) -> None:
    found = batches(numbers, size, seed)
    assert all(2 <= len(batch) <= size for batch in found)
    assert all(len({numbers[number] for number in batch}) == len(batch) for batch in found)
    taken = [number for batch in found for number in batch]
    assert len(taken) == len(set(taken))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(2, 8))
def test_without_a_seed_every_pair_is_taken(numbers: list[int], size: int) -> None:
    found = batches(numbers, size, None)
    assert sorted(number for batch in found for number in batch) == list(range(len(numbers)))


def test_a_passage_that_answers_a_question_is_no_negative_of_it(place: Path) -> None:
    # a is answered by p and q, b by p, c by q and contradicted by r.
    examples = Questions(
        [Question("a", ("p", "q")), Question("b", ("p",)), Question("c", ("q",), ("r",))], None, ["", "", ""]
    )
    feed = RankingFeed(encoded_of(Embedder(str(place / "tiny")), examples), None, 8)
    assert len(feed) == 4
    batch = feed.gather([0, 2, 3])  # (a, p), (b, p), (c, q), and the negative r
    expected = [[False, True, True, False], [True, False, False, False], [False, False, False, False]]
    assert batch["forbidden"].tolist() == expected
    assert len(batch["question_input_ids"]) == 3
    assert len(batch["passage_input_ids"]) == 4


def test_a_step_has_the_loss_of_the_vectors_that_a_library_makes(place: Path) -> None:
    embedder, pairs = Embedder(str(place / "tiny")), read_pairs(place / "pairs.jsonl")
    feed = RankingFeed(encoded_of(embedder, all_questions(pairs)), None, 8)
    model = RankingModel(embedder).eval()
    total, count = objective(model, feed.gather([0, 1, 2]))
    asked = torch.from_numpy(embedder.queries([pair.question for pair in pairs.pairs[:3]]))
    among = torch.from_numpy(embedder.passages([pair.passage for pair in pairs.pairs[:3]]).vectors)
    expected = ranking_loss(asked, among, torch.zeros(3, 3, dtype=torch.bool))
    assert total.item() / count == pytest.approx(float(expected), rel=1e-5)


def test_measures_are_those_of_a_ranking_by_hand(place: Path) -> None:
    embedder, pairs = Embedder(str(place / "tiny")), read_pairs(place / "pairs.jsonl")
    found = RankingModel(embedder).ranked(encoded_of(embedder, all_questions(pairs)))
    vectors = embedder.passages(pairs.passages).vectors
    scores = [vectors @ embedder.query(pair.question) for pair in pairs.pairs]
    ranks = [int((one > one[place]).sum()) + 1 for place, one in enumerate(scores)]
    tables = statistics(found)
    means = {metric.name: metric.score(tables[metric.name]) for metric in METRICS}
    assert means["recall@1"] == pytest.approx(np.mean([rank == 1 for rank in ranks]))
    assert means["mrr@10"] == pytest.approx(np.mean([1 / rank if rank <= 10 else 0.0 for rank in ranks]))
    gains = [1 / np.log2(1 + rank) if rank <= 10 else 0.0 for rank in ranks]
    assert means["ndcg@10"] == pytest.approx(np.mean(gains))


def test_the_other_answers_of_a_question_do_not_count_against_one_of_them() -> None:
    asked = np.array([[1.0, 0.0]], dtype=np.float32)
    among = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], dtype=np.float32)
    found = ranked(asked, among, [[0, 1]])
    wrong = np.exp(-20.0)
    expected = -np.mean([np.log(np.exp(20.0) / (np.exp(20.0) + wrong)), np.log(1 / (1 + wrong))])
    assert found["loss"][0] == pytest.approx(expected, abs=1e-7)
    assert found["hits"][0].tolist() == [1, 1] + [0] * 8
    assert found["relevant"].tolist() == [2]


def test_a_look_gives_each_question_the_ranking_loss_of_its_passage_among_all(place: Path) -> None:
    embedder, pairs = Embedder(str(place / "tiny")), read_pairs(place / "pairs.jsonl")
    encoded, model = encoded_of(embedder, all_questions(pairs)), RankingModel(embedder)
    look = RankingLook(encoded)
    found = look.outputs(model, "fp32")
    asked = torch.from_numpy(embedder.queries([pair.question for pair in pairs.pairs]))
    among = torch.from_numpy(embedder.passages([pair.passage for pair in pairs.pairs]).vectors)
    none = torch.zeros(len(asked), len(among), dtype=torch.bool)
    assert look.judge(found, np.arange(len(look)))[0] == pytest.approx(
        float(ranking_loss(asked, among, none)), rel=1e-5
    )
    expected = model.ranked(encoded)
    for name, array in unpacked(found).items():
        np.testing.assert_array_equal(array, expected[name])


def test_frozen_parts_stay_in_evaluation_and_a_pooler_that_makes_no_vector_does_not_train(place: Path) -> None:
    model = RankingModel(Embedder(str(place / "tiny")))
    blocks = model.model.get_submodule("encoder.layer")
    blocks[0].requires_grad_(False)
    model.train()
    assert not blocks[0].training
    assert blocks[1].training
    assert not any(value.requires_grad for name, value in model.named_parameters() if "pooler." in name)
