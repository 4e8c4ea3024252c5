"""Model files of a few pieces, written as SentencePiece writes them."""

import struct

import sentencepiece

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
BYTES = [(f"<0x{byte:02X}>", 0.0, BYTE) for byte in range(256)]


def field(number: int, value: bytes | int | float) -> bytes:
    if isinstance(value, float):
        return bytes([number << 3 | 5]) + struct.pack("<f", value)
    head = varint(number << 3 | (0 if isinstance(value, int) else 2))
    return head + (varint(value) if isinstance(value, int) else varint(len(value)) + value)


def varint(value: int) -> bytes:
    low = value & 127
    return bytes([low]) if value < 128 else bytes([low | 128]) + varint(value >> 7)


def model_file(
    pieces: list[tuple[str, float, int]],
    trainer: tuple[tuple[int, int], ...] = ((3, 2), (35, 1)),  # BPE, falls back to bytes
    normalizer: tuple[tuple[int, int], ...] = ((3, 1), (4, 0), (5, 1)),  # LLaMA's
) -> bytes:
    special = [("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), ("</s>", 0.0, CONTROL)]
    content = b""
    for text, score, kind in [*special, *pieces]:
        text = text.replace(" ", "\u2581")
        content += field(1, field(1, text.encode()) + field(2, score) + field(3, kind))
    content += field(2, b"".join(field(*item) for item in trainer))
    return content + field(3, b"".join(field(*item) for item in normalizer))


def library(content: bytes) -> sentencepiece.SentencePieceProcessor:
    return sentencepiece.SentencePieceProcessor(model_proto=content)
