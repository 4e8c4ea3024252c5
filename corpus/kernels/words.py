"""Words as white space parts them: what `str.split` gives."""

import numpy as np

from corpus.kernels import kernel
from corpus.kernels.white_space import space_at


@kernel
def num_words(data, offsets):
    """Words of each text `data[offsets[i]:offsets[i + 1]]`, int64."""
    words = np.zeros(len(offsets) - 1, np.int64)
    for row in range(len(words)):
        at, end = offsets[row], offsets[row + 1]
        within = False
        while at < end:
            width = space_at(data, at, end)
            words[row] += width == 0 and not within
            within = width == 0
            at += max(width, 1)
    return words
