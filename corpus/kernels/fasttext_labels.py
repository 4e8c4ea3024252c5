"""A text vector's likeliest label, as fastText finds it: by a search of the Huffman tree of labels
(hierarchical softmax, arXiv:1607.01759, section 2.1), or by softmax over all labels.

Every step rounds to float32 where fastText's does. D texts, N dimensions, L labels.
"""

import math

import numpy as np

from corpus.kernels import kernel

_LEAST = np.float32(math.log(1e-5))  # the logarithm of probability 0, as fastText takes it


@kernel
def search_tree(
    vectors: np.ndarray, outputs: np.ndarray, left: np.ndarray, right: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[D] int32 labels, and [D] float32 log-probabilities: of the label and of the runner-up.

    `vectors` [D, N]; `outputs` [L - 1, N]; `left` and `right` [L - 1] int32: children of inner
    nodes, where L + i is inner node i and the last is the root. The runner-up is sought only
    where it comes close; its log-probability is else at least as high as any skipped.
    """
    num_labels = len(left) + 1
    labels = np.full(len(vectors), -1, np.int32)
    best = np.full(len(vectors), -np.inf, np.float32)
    second = np.full(len(vectors), -np.inf, np.float32)
    nodes = np.empty(num_labels, np.int32)
    scores = np.empty(num_labels, np.float32)
    for text in range(len(vectors)):
        nodes[0], scores[0], waiting = 2 * num_labels - 2, 0, 1
        while waiting:
            waiting -= 1
            node, score = nodes[waiting], scores[waiting]
            if score < _LEAST or score < best[text]:
                second[text] = max(second[text], score)
                continue
            if node < num_labels:
                second[text] = max(second[text], best[text])
                labels[text], best[text] = node, score
                continue
            inner = node - num_labels
            share = _sigmoid(_dot(outputs, inner, vectors[text]))
            nodes[waiting], scores[waiting] = right[inner], score + _log(share)
            nodes[waiting + 1], scores[waiting + 1] = (
                left[inner],
                score + _log(np.float32(1.0 - share)),
            )
            waiting += 2
    return labels, best, second


@kernel
def softmax(vectors: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """[D, L] float32 log-probabilities of every label; `vectors` [D, N], `outputs` [L, N]."""
    logs = np.empty((len(vectors), len(outputs)), np.float32)
    for text in range(len(vectors)):
        row = logs[text]
        for label in range(len(outputs)):
            row[label] = _dot(outputs, label, vectors[text])
        top = row.max()
        total = np.float32(0)
        for label in range(len(outputs)):
            row[label] = math.exp(np.float64(row[label] - top))
            total += row[label]
        for label in range(len(outputs)):
            row[label] = _log(row[label] / total)
    return logs


@kernel
def _dot(matrix, row, vector):
    total = np.float32(0)
    for n in range(len(vector)):
        total += vector[n] * matrix[row, n]
    return total


@kernel
def _sigmoid(x):
    return np.float32(1.0 / np.float64(np.float32(1) + np.float32(math.exp(-x))))


@kernel
def _log(probability):
    return np.float32(math.log(np.float64(probability) + 1e-5))
