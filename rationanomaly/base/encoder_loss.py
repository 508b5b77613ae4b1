"""A second task of pretraining: to tell what a log means, as a sentence encoder sees it.

The mean of the model's hidden states over a text is to point where the encoder's vector of its log does. What only the
encoder knows of words and their company thus enters the weights without a label; what reads the answer off is thrown
away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rationanomaly.text.encoder import Vectors

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Linear


class EncoderLoss:
    """The vectors of the logs, and the linear map from hidden states to them.

    Attributes:
        head: trained along with the model.
    """

    head: Linear

    def __init__(self, vectors: Vectors, hidden: int) -> None:
        import torch

        # What all logs share tells nothing of any.
        centred = torch.from_numpy(vectors - vectors.mean(0))
        self._targets = torch.nn.functional.normalize(centred, dim=1)
        self.head = torch.nn.Linear(hidden, vectors.shape[1])

    def loss(self, states: Tensor, mask: Tensor, places: list[int]) -> Tensor:
        """One minus the mean cosine, in [0, 2].

        Args:
            states: of the last layer, shape (texts, tokens, hidden).
            mask: 1 where a token is, shape (texts, tokens).
            places: of the texts, among the vectors.
        """
        import torch

        mean = (states * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
        predicted = torch.nn.functional.normalize(self.head(mean), dim=1)
        return 1 - (predicted * self._targets[places]).sum(1).mean()
