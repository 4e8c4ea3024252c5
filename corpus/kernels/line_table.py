"""Who has a line: a hash table by line hash, open addressed with linear probing.

A slot holds a line's hash, the last owner that had it (a document of a shard, or a shard of a
group) and the smallest document key that it came with. Owners are numbers from 1; 0 is an empty
slot. The topmost bit of an owner says that a second owner had the line as well.
"""

import numpy as np

from corpus.kernels import kernel

AGAIN = np.uint32(1 << 31)
OWNER = np.uint32(AGAIN - 1)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # spreads hashes that share their upper bits


@kernel
def insert(slots, owners, firsts, hashes, owner, again, first):
    """Enters lines, each by its hash with its owner; returns how many slots became taken.

    `slots` uint64, `owners` uint32 and `firsts` uint64 are the table, their length a power of two
    that leaves room; `firsts` and `first` are empty where nobody asks for the smallest key. Of
    line l, `again[l]` says that it is known to have two owners, `first[l]` is its key.
    """
    taken = 0
    for line in range(len(hashes)):
        slot = _slot(slots, owners, hashes[line])
        mark = AGAIN if again[line] else np.uint32(0)
        if owners[slot] == 0:
            taken += 1
            slots[slot] = hashes[line]
            if len(firsts):
                firsts[slot] = first[line]
        else:
            other = owners[slot] & OWNER != owner[line]
            mark |= AGAIN if other else owners[slot] & AGAIN
            if len(firsts):
                firsts[slot] = min(firsts[slot], first[line])
        owners[slot] = owner[line] | mark
    return taken


@kernel
def find(slots, owners, hashes):
    """[L] int64: the slot of each line that two owners have, -1 of the others."""
    found = np.empty(len(hashes), np.int64)
    for line in range(len(hashes)):
        slot = _slot(slots, owners, hashes[line])
        found[line] = slot if owners[slot] & AGAIN else -1
    return found


@kernel
def move(slots, owners, firsts, new_slots, new_owners, new_firsts):
    """Enters all of one table into another one that is empty and larger."""
    for slot in range(len(slots)):
        if owners[slot]:
            place = _slot(new_slots, new_owners, slots[slot])
            new_slots[place] = slots[slot]
            new_owners[place] = owners[slot]
            if len(firsts):
                new_firsts[place] = firsts[slot]


@kernel
def _slot(slots, owners, line_hash):
    """Where a hash stands, or the empty slot where it would."""
    last = np.int64(len(slots) - 1)
    place = np.int64((line_hash * _GOLDEN) >> np.uint64(20)) & last
    while owners[place] and slots[place] != line_hash:
        place = (place + 1) & last
    return place
