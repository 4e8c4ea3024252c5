"""Which documents a window of tokens is made of, by the offsets in the shards."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tokenizer.shards import Shard, ShardFile, open_shard
from train.streams import TokenStream


@dataclass(frozen=True)
class Span:
    """Tokens of one document in a sequence: [first, last) of it, and of the document."""

    doc_id: int
    at: tuple[int, int]
    tokens: tuple[int, int]
    of_tokens: int  # how many the document has, begin and end included
    document: int  # its number in the shard
    shard: str


def spans(stream: TokenStream, position: int, width: int) -> Iterator[Span]:
    """The documents of `width` tokens from a position of the stream, in order."""
    done = 0
    while done < width:
        number, place = stream.locate(position + done)
        shard = _open(stream.files[number])
        stop = min(place + width - done, len(shard.tokens))
        first = int(np.searchsorted(shard.offsets, place, side="right")) - 1
        last = int(np.searchsorted(shard.offsets, stop, side="left"))
        for document in range(first, last):
            start, end = (int(offset) for offset in shard.offsets[document : document + 2])
            a, b = max(start, place), min(end, stop)
            if a < b:
                yield Span(
                    doc_id=int(shard.doc_ids[document]),
                    at=(done + a - place, done + b - place),
                    tokens=(a - start, b - start),
                    of_tokens=end - start,
                    document=document,
                    shard=shard.path,
                )
        done += stop - place


@functools.lru_cache(maxsize=256)
def _open(file: ShardFile) -> Shard:
    shard = open_shard(file.path, file.tokenizer)
    shard.check_documents()
    return shard
