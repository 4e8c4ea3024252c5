"""Text made by keyed numpy generators: the same everywhere, and with an order worth learning."""

import numpy as np

SOURCES = ("code", "web")


def documents(source: str, count: int) -> list[str]:
    """Sentences in which each word allows only four to follow it: order is worth learning."""
    random = np.random.Generator(np.random.PCG64(SOURCES.index(source)))
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(random.choice(letters, size)) for size in random.integers(2, 7, 60)]
    after = random.integers(0, len(words), (len(words), 4))
    texts = []
    for _ in range(count):
        word, text = 0, []
        for choice in random.integers(0, 4, 120):
            word = after[word, choice]
            text.append(words[word])
        texts.append(" ".join(text))
    return texts
