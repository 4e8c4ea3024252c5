"""What each kind of GPU can do at most: dense floating-point operations a second, by its name.

Figures of the makers' data sheets, in TFLOP/s, without sparsity (a sheet that gives the sparse
figure is halved). fp32 is that of the plain cores, as the trainer computes it: no TF32. What
torch.cuda calls a device is matched by its words, the most telling entry first.
"""

import re
from dataclasses import dataclass

from corpus.errors import ConfigError


@dataclass(frozen=True)
class Peak:
    """Entries match a device whose name holds all of `words`."""

    words: tuple[str, ...]
    bf16: float
    fp32: float


# In the order in which they are tried: those of more words come before those they would hide.
_PEAKS = (
    # NVIDIA Blackwell: HGX B200 and B300, GB200 and GB300 NVL72 sheets, a GPU's part of the whole.
    Peak(("GB300",), 2500.0, 80.0),
    Peak(("GB200",), 2500.0, 80.0),
    Peak(("B300",), 2250.0, 75.0),
    Peak(("B200",), 2250.0, 75.0),
    # NVIDIA Hopper: H100, H200, GH200 and H20 sheets. An "H100 80GB HBM3" is the SXM5 module.
    Peak(("GH200",), 989.5, 67.0),
    Peak(("H200", "NVL"), 835.5, 60.0),
    Peak(("H200",), 989.5, 67.0),
    Peak(("H100", "NVL"), 835.5, 60.0),
    Peak(("H100", "PCIe"), 756.5, 51.0),
    Peak(("H100",), 989.5, 67.0),
    Peak(("H800", "PCIe"), 756.5, 51.0),
    Peak(("H800",), 989.5, 67.0),
    Peak(("H20",), 148.0, 44.0),
    # NVIDIA Ampere: A100 (SXM and PCIe alike), A800, A30, A40 and A10 sheets; A10G as AWS gives it.
    Peak(("A100",), 312.0, 19.5),
    Peak(("A800",), 312.0, 19.5),
    Peak(("A30",), 165.0, 10.3),
    Peak(("A40",), 149.7, 37.4),
    Peak(("A10G",), 70.0, 35.0),
    Peak(("A10",), 125.0, 31.2),
    Peak(("RTX", "A6000"), 154.8, 38.7),
    # GeForce sums bf16 in fp32 at half the rate: GA102, Ada and Blackwell architecture papers.
    Peak(("RTX", "3090", "Ti"), 80.0, 40.0),
    Peak(("RTX", "3090"), 71.0, 35.6),
    # NVIDIA Ada: L40S, L40, L4 and RTX 6000 Ada sheets.
    Peak(("L40S",), 362.05, 91.6),
    Peak(("L40",), 181.05, 90.5),
    Peak(("L4",), 121.0, 30.3),
    Peak(("RTX", "6000", "Ada"), 364.2, 91.1),
    Peak(("RTX", "4090", "D"), 147.1, 73.5),
    Peak(("RTX", "4090"), 165.2, 82.6),
    Peak(("RTX", "5090"), 209.5, 104.8),
    # AMD Instinct sheets; of an MI250X torch sees each of its two dies as a device.
    Peak(("MI355X",), 2516.6, 157.3),
    Peak(("MI350X",), 2306.9, 144.2),
    Peak(("MI325X",), 1307.4, 163.4),
    Peak(("MI300X",), 1307.4, 163.4),
    Peak(("MI300A",), 980.6, 122.6),
    Peak(("MI250X",), 191.5, 23.9),
    Peak(("MI210",), 181.0, 22.6),
)


def peak_tflops(device_name: str, precision: str) -> float | None:
    """TFLOP/s of a device by the name torch.cuda gives it, for "bf16" or "fp32".

    None for one that is not in the table, for a part of one (a MIG slice) and for a laptop's.
    """
    words = set(re.split(r"[^0-9a-z]+", device_name.lower()))
    if words & {"mig", "laptop"}:
        return None
    for peak in _PEAKS:
        if words.issuperset(word.lower() for word in peak.words):
            return float(getattr(peak, precision))
    return None


def stated_memory(device_name: str) -> float | None:
    """Bytes of memory where a known GPU's name tells them, as in "A100-40" or "H100 80GB"; None
    where not. What a process can have of them: an A100 of 40 GB shows 39.4 GiB.
    """
    found = re.search(r"-(\d{2,3})$|\b(\d{2,3}) ?GB\b", device_name, re.IGNORECASE)
    if found is None or peak_tflops(device_name, "bf16") is None or "GH200" in device_name.upper():
        return None  # a Grace Hopper's figure is its CPU's memory
    return 0.98 * int(found[1] or found[2]) * 2**30


def check_peak(given: float | None) -> None:
    """Raises ConfigError for a `train.peak_tflops` that no device has."""
    if given is not None and not 0 < given < float("inf"):
        raise ConfigError(
            f"peak_tflops={given} is no rate; choose the device's dense TFLOP/s, such as 312 "
            "(train.peak_tflops)"
        )
