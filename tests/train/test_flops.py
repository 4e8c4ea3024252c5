"""FLOPs a token and MFU: the published figures of LLaMA and of llm-foundry come out."""

import math

import pytest

from corpus.errors import ConfigError
from train import flops
from train.flops import device_peak, mfu, token_flops
from train.peaks import peak_tflops, stated_memory
from train.presets import PRESETS, Shape


def test_the_paper_s_65b_at_380_tokens_a_second_on_an_a100():
    shares = mfu(PRESETS["65b"].shape, 380, 312)
    assert {name: round(100 * share, 1) for name, share in shares.items()} == {
        "six_n": 47.7,
        "causal": 48.7,
        "full": 49.7,
    }


def test_another_published_figure_in_the_full_convention():
    """llm-foundry: a 7B of 6.65 G parameters, 4,641 tokens/s on an A100, 64.2 %."""
    shape = Shape(dim=4096, num_heads=32, num_layers=32, ffn=10784, vocab=32_000, seq_length=2048)
    assert shape.num_parameters == pytest.approx(6.65e9, rel=1e-3)
    assert mfu(shape, 4641, 312)["full"] == pytest.approx(0.642, abs=1e-3)


def test_attention_is_counted_as_its_matrix_products_are():
    shape = Shape(dim=8, num_heads=2, num_layers=3, ffn=16, vocab=10, seq_length=32)
    flops = token_flops(shape)
    assert flops.six_n == 6 * shape.num_parameters
    # Forward, of a sequence: scores and values, each s x s x d multiply-adds a layer.
    forward = 2 * 2 * shape.num_layers * shape.seq_length**2 * shape.dim
    assert (flops.full - flops.six_n) * shape.seq_length == 3 * forward
    assert flops.causal - flops.six_n == (flops.full - flops.six_n) / 2


@pytest.mark.parametrize(
    ("name", "bf16"),
    [
        ("NVIDIA A100-SXM4-80GB", 312.0),
        ("NVIDIA A100 80GB PCIe", 312.0),
        ("NVIDIA H100 80GB HBM3", 989.5),
        ("NVIDIA H100 PCIe", 756.5),
        ("NVIDIA H100 NVL", 835.5),
        ("NVIDIA H200", 989.5),
        ("NVIDIA H200 NVL", 835.5),
        ("NVIDIA GH200 480GB", 989.5),
        ("NVIDIA B200", 2250.0),
        ("NVIDIA L40S", 362.05),
        ("NVIDIA L40", 181.05),
        ("NVIDIA L4", 121.0),
        ("NVIDIA A10", 125.0),
        ("NVIDIA A10G", 70.0),
        ("NVIDIA GeForce RTX 4090", 165.2),
        ("NVIDIA GeForce RTX 4090 D", 147.1),
        ("NVIDIA RTX 6000 Ada Generation", 364.2),
        ("AMD Instinct MI300X", 1307.4),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", None),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("NVIDIA GeForce GTX 1080", None),
        ("Tesla V100-SXM2-32GB", None),
    ],
)
def test_peaks_by_the_names_that_torch_gives(name, bf16):
    assert peak_tflops(name, "bf16") == bf16


def test_fp32_is_without_tensor_cores():
    assert peak_tflops("NVIDIA A100-SXM4-80GB", "fp32") == 19.5


def test_a_given_peak_comes_before_the_name_and_a_cpu_has_none(tiny_config, tmp_path):
    assert device_peak(tiny_config(tmp_path)) is None
    assert device_peak(tiny_config(tmp_path, peak_tflops=0.2)) == 0.2


@pytest.mark.parametrize("peak", [0, -1.0, math.inf, math.nan])
def test_a_peak_that_is_no_rate_is_refused(tiny_config, tmp_path, peak):
    with pytest.raises(ConfigError, match=r"peak_tflops=.* \(train.peak_tflops\)"):
        tiny_config(tmp_path, peak_tflops=peak)


def test_a_gpu_is_looked_up_by_its_name_and_the_precision(tiny_config, tmp_path, monkeypatch):
    config = tiny_config(tmp_path, precision="bf16")
    monkeypatch.setattr(flops.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(flops.torch.cuda, "get_device_name", lambda: "NVIDIA H100 PCIe")
    assert device_peak(config) == 756.5
    assert device_peak(tiny_config(tmp_path, precision="fp32")) == 51.0


@pytest.mark.parametrize(
    ("name", "gigabytes"),
    [
        ("NVIDIA A100-SXM4-80GB", 80),
        ("A100-40", 40),
        ("NVIDIA H100 80GB HBM3", 80),
        ("NVIDIA H200", None),
        ("NVIDIA L40S", None),
        ("NVIDIA GeForce RTX 4090", None),
        ("NVIDIA GH200 480GB", None),
        ("GTX-980", None),
        ("A-100", None),
    ],
)
def test_a_name_may_tell_the_memory(name, gigabytes):
    assert stated_memory(name) == (gigabytes and pytest.approx(0.98 * gigabytes * 2**30))
