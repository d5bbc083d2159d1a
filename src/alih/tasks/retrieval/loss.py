"""Multiple-negatives ranking loss: a question must be nearer to its passage than to all others of the batch.

Henderson et al. 2017, arXiv 1705.00652, section 4.4; with cosines times 20 as sentence-transformers has it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: Cosines are multiplied by this before the softmax: 1 / 0.05 (Reimers and Gurevych, sentence-transformers).
SCALE = 20.0


def ranking_loss(questions: Tensor, passages: Tensor, forbidden: Tensor) -> Tensor:
    """Mean over the questions of −log softmax(20 · cos(question, ·)) at its own passage.

    Args:
        questions: (n, width).
        passages: (m, width), m ≥ n; passage i < n answers question i, the others are negatives for all.
        forbidden: (n, m) bool, True where a passage must not count as a negative, since it answers the question, too.
    """
    cosines = nn.functional.normalize(questions, dim=-1) @ nn.functional.normalize(passages, dim=-1).T  # (n, m)
    scores = (SCALE * cosines).masked_fill(forbidden, -torch.inf)
    return nn.functional.cross_entropy(scores, torch.arange(len(questions), device=questions.device))
