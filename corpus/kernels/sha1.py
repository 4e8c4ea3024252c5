"""SHA-1 (FIPS 180-4, section 6.1) of many short messages, sixteen side by side.

One message is a chain of dependent steps, which leaves most of a core idle. Sixteen messages at
once are the same steps over vectors of sixteen 32-bit words, so the compression function is
written as LLVM vector code: one register of it holds one word of every message.
"""

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from corpus.kernels import kernel

LANES = 16  # messages side by side: one AVX-512 register, two of AVX2, four of NEON
BLOCK = 64  # bytes of a message block
_INITIAL = np.array([0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0], np.uint32)
_STEP_CONSTANTS = (0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6)
_LONG = 64  # messages of this many blocks and more are not told apart when they are grouped


@intrinsic
def _compress(typing_context, state, words):  # type: ignore[no-untyped-def]
    """state [5 * LANES] and words [16 * LANES] uint32, word after word; state is updated."""
    signature = types.void(state, words)

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        vector = ir.VectorType(ir.IntType(32), LANES)

        def places(array_type, array, count):  # type: ignore[no-untyped-def]
            data = context.make_array(array_type)(context, builder, array).data
            start = builder.bitcast(data, vector.as_pointer())
            index = ir.IntType(64)
            return [builder.gep(start, [ir.Constant(index, i)]) for i in range(count)]

        def rotated(value, by):  # type: ignore[no-untyped-def]
            left, right = (ir.Constant(vector, [n] * LANES) for n in (by, 32 - by))
            return builder.or_(builder.shl(value, left), builder.lshr(value, right))

        state_places = places(signature.args[0], arguments[0], 5)
        before = [builder.load(place, align=4) for place in state_places]
        schedule = [
            builder.load(place, align=4) for place in places(signature.args[1], arguments[1], 16)
        ]
        a, b, c, d, e = before
        for step in range(80):
            if step >= 16:
                mixed = builder.xor(schedule[step - 3], schedule[step - 8])
                mixed = builder.xor(mixed, builder.xor(schedule[step - 14], schedule[step - 16]))
                schedule.append(rotated(mixed, 1))
            if step < 20:
                chosen = builder.xor(d, builder.and_(b, builder.xor(c, d)))
            elif 40 <= step < 60:
                chosen = builder.or_(builder.and_(b, c), builder.and_(d, builder.or_(b, c)))
            else:
                chosen = builder.xor(b, builder.xor(c, d))
            constant = ir.Constant(vector, [_STEP_CONSTANTS[step // 20]] * LANES)
            total = builder.add(builder.add(rotated(a, 5), chosen), builder.add(e, constant))
            total = builder.add(total, schedule[step])
            a, b, c, d, e = total, a, rotated(b, 30), c, d
        for place, old, new in zip(state_places, before, (a, b, c, d, e), strict=True):
            builder.store(builder.add(old, new), place, align=4)
        return context.get_dummy_value()

    return signature, generate


@kernel
def pad_message(messages, start, length):
    """Ends the message at `messages[start : start + length]` as SHA-1 wants; its whole blocks.

    `messages` must have 72 bytes of room behind the message.
    """
    blocks = (length + 9 + BLOCK - 1) // BLOCK
    end = start + blocks * BLOCK
    tail = messages[start + length : start + length + BLOCK]
    for place in range(BLOCK):  # of fixed length, and never below 0: one instruction or two
        tail[place] = 0
    tail[0] = 0x80
    bits = np.uint64(length) << np.uint64(3)
    for place in range(8):
        messages[end - 1 - place] = np.uint8((bits >> np.uint64(8 * place)) & np.uint64(0xFF))
    return blocks


@kernel
def hash_messages(messages, first_block, blocks, count, hashes):
    """Writes the first 8 bytes of each message's SHA-1, as a little-endian number, to `hashes`.

    `messages` holds padded messages; message m is `blocks[m]` blocks from block `first_block[m]`.
    `count` of them are hashed into `hashes[:count]`.
    """
    order = _by_blocks(blocks, count)
    words_of = messages.view(np.uint32)
    state = np.empty(5 * LANES, np.uint32)
    words = np.zeros(16 * LANES, np.uint32)
    for begin in range(0, count, LANES):
        lanes = min(LANES, count - begin)
        most = 0
        for lane in range(lanes):
            most = max(most, blocks[order[begin + lane]])
        for word in range(5):
            for lane in range(LANES):
                state[word * LANES + lane] = _INITIAL[word]
        for block in range(most):
            for lane in range(lanes):
                message = order[begin + lane]
                if block < blocks[message]:
                    source = (first_block[message] + block) * 16
                    for word in range(16):
                        words[word * LANES + lane] = _swapped(words_of[source + word])
            _compress(state, words)  # type: ignore[call-arg]
            for lane in range(lanes):
                message = order[begin + lane]
                if block == blocks[message] - 1:
                    low = np.uint64(_swapped(state[lane]))
                    high = np.uint64(_swapped(state[LANES + lane]))
                    hashes[message] = low | (high << np.uint64(32))


@kernel
def _swapped(word):
    """A 32-bit word with its bytes in the other order."""
    word = np.uint32(word)
    high = ((word & np.uint32(0xFF)) << np.uint32(24)) | (
        (word & np.uint32(0xFF00)) << np.uint32(8)
    )
    low = ((word >> np.uint32(8)) & np.uint32(0xFF00)) | (word >> np.uint32(24))
    return np.uint32(high | low)


@kernel
def _by_blocks(blocks, count):
    """[count] the messages by their number of blocks, so that no lane of a group waits for long."""
    starts = np.zeros(_LONG + 2, np.int64)
    for message in range(count):
        starts[min(blocks[message], _LONG) + 1] += 1
    for size in range(1, _LONG + 2):
        starts[size] += starts[size - 1]
    order = np.empty(count, np.int64)
    for message in range(count):
        size = min(blocks[message], _LONG)
        order[starts[size]] = message
        starts[size] += 1
    return order
