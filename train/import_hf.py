"""Makes a checkpoint that the trainer continues from, of a Hugging Face folder of a LLaMA.

The checkpoint is step 0 of a run: the weights to the bit, no optimizer state, no data position.
Any layout and precision can start from it (train/imported.py), and `export` gives the same bits
back. float16 becomes float32, which holds each of its values.
"""

import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.metadata import MetadataIndex
from torch.distributed.checkpoint.planner import WriteItem

from corpus.errors import ConfigError
from corpus.on_disk import flush
from tokenizer.encode import Encoder
from train import checkpoint, hf_folder, weights
from train.durable import put
from train.hf_folder import HfFolder
from train.identity import IMPORTED
from train.writing import sum_of


def import_hf(hf: str, output: str) -> Path:
    """Writes the model of the folder `hf` as step 0 of the run `output`; returns the checkpoint.

    The run also gets the folder's tokenizer.model. Raises CheckpointError for a folder that is no
    whole LLaMA of ours, ConfigError where its tokenizer is not the model's or `output` cannot take
    it.
    """
    source, checkpoints = hf_folder.read(Path(hf)), Path(output) / "checkpoints"
    tokenizer = str(source.tokenizer)
    encoder = Encoder(tokenizer)
    checkpoint.check_tokenizer(tokenizer, encoder, source.shape, None, f"in {hf}")
    if (checkpoints / checkpoint.POINTER).exists():
        raise ConfigError(
            f"{checkpoints} holds checkpoints, which an import would replace; choose another "
            "--output or delete it"
        )
    folder = checkpoints / "step-00000000"
    try:
        shutil.rmtree(folder, ignore_errors=True)  # what a killed import left
        folder.mkdir(parents=True)
        shutil.copyfile(tokenizer, Path(output) / "tokenizer.model")
        flush(Path(output) / "tokenizer.model")
        _write(source, folder)
        origin = {"from": os.path.abspath(hf), "dtype": str(source.dtype).removeprefix("torch.")}
        identity = {"shape": asdict(source.shape), "tokenizer": encoder.hash}
        files = _synced(folder)
        for above in (checkpoints, checkpoints.parent):
            flush(above)
        facts = {"step": 0, **identity, IMPORTED: origin, "files": files}
        put(folder / checkpoint.RUN, facts)
        put(checkpoints / checkpoint.POINTER, {"step": 0, "folder": folder.name})
    except OSError as error:
        raise ConfigError(
            f"--output {output} cannot be written ({error}); choose another"
        ) from None
    return folder


class _ReadWhenWritten(dcp.DefaultSavePlanner):
    """Makes each of megatron-core's tensors only when it is written: one of them in memory."""

    def __init__(self, source: HfFolder, dtype: torch.dtype):
        super().__init__()
        self._source, self._dtype = source, dtype
        self._keys = weights.stacked_keys(source.shape)

    def resolve_data(self, write_item: WriteItem) -> torch.Tensor:
        return self.made(write_item.index)

    def made(self, index: MetadataIndex) -> torch.Tensor:
        key, source = index.fqn, self._source
        layers = [
            weights.pack(key, [source.tensor(name) for name in names], source.shape)
            for names in self._keys[key]
        ]
        tensor = torch.stack(layers) if weights.is_stacked(key) else layers[0]
        return tensor.to(self._dtype)


def _write(source: HfFolder, folder: Path) -> None:
    # The format of megatron-core's torch_dist checkpoints, which is torch's own and two files more.
    dtype = torch.float32 if source.dtype == torch.float16 else source.dtype
    sizes = hf_folder.tensor_shapes(source.shape)
    tree = {}
    for key, layers in weights.stacked_keys(source.shape).items():
        first = [sizes[name] for name in layers[0]]
        size = (sum(rows for rows, *_ in first), *first[0][1:])
        if weights.is_stacked(key):
            size = (len(layers), *size)
        tree[key] = torch.empty(size, dtype=dtype, device="meta")
    dcp.save(
        tree,
        storage_writer=dcp.FileSystemWriter(folder, thread_count=1),
        planner=_ReadWhenWritten(source, dtype),
        no_dist=True,
    )
    torch.save({}, folder / "common.pt")
    backends = {"sharded_backend": "torch_dist", "common_backend": "torch"}
    put(folder / "metadata.json", {**backends, **{f"{name}_version": 1 for name in backends}})


def _synced(folder: Path) -> dict[str, Any]:
    """Size and hash of every file, all on the disk: what a load is checked against."""
    files = {}
    for path in sorted(folder.iterdir()):
        flush(path)
        files[path.name] = sum_of(path)
    flush(folder)
    return files
