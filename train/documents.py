"""Where documents begin within packed samples, and masks that keep them apart.

LLaMA packs documents and attends across them (arXiv:2302.13971 masks nothing); this is the option
not to. Every document begins with the begin token, so tokens alone tell. Rotary positions act by
their differences only: once attention stays within documents, where each begins changes nothing.
Suffixes of shapes: B samples, S sequence.
"""

import torch


def document_of(tokens_BS: torch.Tensor, begin: int) -> torch.Tensor:
    """The number of each token's document within its sample, [B, S] int64.

    0 is the document that began before the sample, if one did; the sample's first is 1.
    """
    return (tokens_BS == begin).cumsum(dim=1)


def positions(tokens_BS: torch.Tensor, begin: int) -> torch.Tensor:
    """Each token's place in its document, or in what the sample holds of it, [B, S] int64."""
    places_BS = torch.arange(tokens_BS.shape[1], device=tokens_BS.device).expand_as(tokens_BS)
    starts_BS = torch.where(tokens_BS == begin, places_BS, 0).cummax(dim=1).values
    return places_BS - starts_BS


def attention_mask(tokens_BS: torch.Tensor, begin: int) -> torch.Tensor:
    """What may not be attended to, [B, 1, S, S] bool as megatron-core has it: True is masked.

    A token sees itself and what stands before it in its own document.
    """
    document_BS = document_of(tokens_BS, begin)
    same_BSS = document_BS[:, :, None] == document_BS[:, None, :]
    return ~same_BSS.tril()[:, None]
