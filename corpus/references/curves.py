"""How well a probability tells two classes apart: ROC and precision-recall curves, in NumPy.

Both go over the distinct probabilities from the highest: all pages of one probability are kept or
dropped together, so that ties say nothing for either class.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Curves:
    """At each distinct probability p, descending [P]: what `probability >= p` keeps."""

    thresholds: np.ndarray
    recall: np.ndarray  # of the references, the share kept (true positive rate)
    false_positive_rate: np.ndarray  # of the random pages, the share kept
    precision: np.ndarray  # of the kept, the share of references

    @property
    def auc(self) -> float:
        """Area under the ROC curve: the chance that a reference scores above a random page."""
        x, y = (np.concatenate([[0.0], v]) for v in (self.false_positive_rate, self.recall))
        return float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2))

    @property
    def average_precision(self) -> float:
        """Area under the precision-recall curve, by steps (no optimistic interpolation)."""
        return float(np.sum(np.diff(self.recall, prepend=0.0) * self.precision))


@dataclass(frozen=True)
class Kept:
    """What one threshold keeps."""

    threshold: float
    references: float  # share of the references kept: recall
    random: float  # share of the random pages kept
    precision: float | None  # None where nothing is kept


def curves(is_reference: np.ndarray, probability: np.ndarray) -> Curves:
    """Of labels [N] and probabilities [N]; both classes must occur."""
    order = np.argsort(-probability, kind="stable")
    label, descending = is_reference[order].astype(bool), probability[order]
    ends = np.flatnonzero(np.diff(descending, append=-np.inf))
    references, random = np.cumsum(label)[ends], np.cumsum(~label)[ends]
    assert references[-1], "no reference"
    assert random[-1], "no random page"
    return Curves(
        thresholds=descending[ends],
        recall=references / references[-1],
        false_positive_rate=random / random[-1],
        precision=references / (references + random),
    )


def kept_at(is_reference: np.ndarray, probability: np.ndarray, threshold: float) -> Kept:
    """What a rule `min: threshold` keeps of each class."""
    label, kept = is_reference.astype(bool), probability >= threshold
    precision = float(label[kept].mean()) if kept.any() else None
    return Kept(threshold, float(kept[label].mean()), float(kept[~label].mean()), precision)
