"""Initial weights as a function of (seed, name, row): equal in every layout and on every machine.

Normal with deviation 0.02; the projections back into the residual stream have 0.02 / sqrt(2 layers)
(Megatron-LM's, arXiv:1909.08053; LLaMA states none). megatron-core draws from the state of each
process, so another pipeline or a GPU would begin with another model. Here each matrix has a key and
each block of its rows a counter of its own (Philox), rows being counted along the dimension that
tensor parallelism splits: a process draws what it holds and little more, one matrix at a time.
"""

import hashlib
import math
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from megatron.core import parallel_state
from megatron.core.models.gpt.gpt_model import GPTModel

STD = 0.02
BLOCK = 64  # rows drawn from one counter; changing it changes the weights

# Matrices split along their first dimension (rows of output), and along their second.
_FIRST = ("word_embeddings.weight", "output_layer.weight", "linear_qkv.weight", "linear_fc1.weight")
_SECOND = ("linear_proj.weight", "linear_fc2.weight")
_LAYER = re.compile(r"decoder\.layers\.(\d+)\.")


def leave(weight: torch.Tensor) -> torch.Tensor:
    """What megatron-core is given in place of its own initialisation: `draw` comes after it."""
    return weight


@torch.no_grad()
def draw(parts: list[GPTModel], seed: int) -> None:
    """Fills in this process's parts of the model."""
    for part in parts:
        scaled = STD / math.sqrt(2 * part.config.num_layers)
        for name, param in part.named_parameters():
            if param.dim() == 1:
                param.fill_(1.0)  # the gain of a norm
                continue
            whole = _global_name(part, name)
            if name.endswith("linear_fc1.weight"):  # gate over up, each split over the processes
                rows = torch.cat([_rows(half, whole, seed, STD, n) for n, half in _halves(param)])
            elif name.endswith(_FIRST):
                rows = _rows(param, whole, seed, STD)
            elif name.endswith(_SECOND):
                rows = _rows(param.T, whole, seed, scaled).T
            else:
                raise AssertionError(f"no rule how to draw {name}")
            param.copy_(rows)


def rows(key: str, first: int, last: int, width: int) -> np.ndarray:
    """Rows first to last (exclusive) of the standard normal matrix of a key, [., width] float32."""
    digest = np.frombuffer(hashlib.blake2b(key.encode(), digest_size=16).digest(), dtype=np.uint64)
    begin, end = first // BLOCK, -(-last // BLOCK)
    drawn = np.empty((last - begin * BLOCK, width), dtype=np.float32)

    def fill(block: int) -> None:
        philox = np.random.Philox(key=digest, counter=np.array([0, 0, 0, block], dtype=np.uint64))
        at = (block - begin) * BLOCK
        np.random.Generator(philox).standard_normal(dtype=np.float32, out=drawn[at : at + BLOCK])

    with ThreadPoolExecutor(torch.get_num_threads()) as threads:
        list(threads.map(fill, range(begin, end)))
    return drawn[first - begin * BLOCK :]


def _rows(held: torch.Tensor, name: str, seed: int, std: float, before: int = 0) -> torch.Tensor:
    """This process's rows of a matrix, of which `held` has the shape; `before`: equally large
    matrices that stand before it in the drawn one."""
    count, width = held.shape
    rank = parallel_state.get_tensor_model_parallel_rank()
    ranks = parallel_state.get_tensor_model_parallel_world_size()
    first = (before * ranks + rank) * count
    return torch.from_numpy(rows(f"{seed} {name}", first, first + count, width)).mul_(std)


def _halves(param: torch.Tensor) -> list[tuple[int, torch.Tensor]]:
    return list(enumerate(param.chunk(2)))


def _global_name(part: GPTModel, name: str) -> str:
    """The name in the whole model: layers are counted through all parts."""
    found = _LAYER.match(name)
    if found is None:
        return name
    number = part.decoder.layers[int(found[1])].layer_number - 1
    return f"decoder.layers.{number}." + name[found.end() :]
