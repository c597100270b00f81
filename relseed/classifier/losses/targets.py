"""What a batch of examples should be labelled."""

from dataclasses import dataclass

import torch

NOTHING = -1  # the class number of what is about no label


@dataclass(frozen=True, slots=True)
class Targets:
    """Class numbers of labels, [batch] each."""

    classes: torch.Tensor
    about: torch.Tensor  # of what an example speaks of, stated or not: its own label, the one that it comes near, or -1
