"""A config that cannot work is refused before anything starts, in one line that says what to do."""

import json
import math
from dataclasses import fields

import pytest

from corpus.config import build, load, to_tree
from corpus.errors import ConfigError
from train.anomaly import AnomalyConfig
from train.config import DataConfig, LogConfig, OptimConfig, TrainConfig, data_parallel_size
from train.mixture import WeightsFrom

BASE = {"shards": "s", "tokenizer": "t", "output": "o", "weights": {"web": 1.0}}


def build_with(**changes):
    return build(TrainConfig, {**BASE, **changes})


def test_what_is_not_overridden_is_as_the_preset():
    config = build_with(model={"preset": "7b", "num_layers": 4}, batch_sequences=8)
    assert config.shape.dim == 4096
    assert config.shape.num_layers == 4
    assert config.schedule.lr == 3e-4
    assert config.schedule.min_lr == pytest.approx(3e-5)
    assert config.schedule.warmup_steps == 2000
    assert config.schedule.batch_sequences == 8


def test_weights_may_be_a_schedule():
    config = build_with(
        weights=[
            {"from_step": 0, "weights": {"web": 1, "code": 0}},
            {"from_step": 100, "weights": {"web": 1, "code": 1}},
        ]
    )
    assert config.weights[1] == WeightsFrom(100, {"web": 1.0, "code": 1.0})
    assert config.mean_weights == pytest.approx({"web": 2 / 3, "code": 1 / 3})
    assert build(TrainConfig, to_tree(config)) == config


def test_the_resolved_config_reads_back_from_json(tmp_path):
    config = build_with(optim={"eps": 1e-8, "lr": "3e-4"}, parallel={"processes": 2, "tp": 2})
    path = tmp_path / "config.json"
    path.write_text(json.dumps(to_tree(config)))
    assert load(TrainConfig, path) == config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"model": {"preset": "7b"}, "parallel": {"tp": 3, "processes": 3}},
            r"tp=3 does not divide num_heads=32; choose 1, 2, 4 or 8 \(train.parallel.tp\)",
        ),
        ({"parallel": {"pp": 3, "processes": 3}}, r"pp=3 does not divide num_layers=4; choose 1,"),
        (
            {"parallel": {"tp": 2, "processes": 3}},
            r"processes=3 is not a multiple of tp\*pp=2\*1=2",
        ),
        (
            {"model": {"preset": "7b"}, "parallel": {"tp": 8, "pp": 4, "processes": 8, "nodes": 3}},
            r"processes\*nodes=8\*3=24 is not a multiple of tp\*pp=8\*4=32; choose a multiple of 4 "
            r"\(train.parallel.nodes\) or of 32 \(train.parallel.processes\)",
        ),
        ({"parallel": {"tp": 0}}, r"tp=0 is below 1; choose 1 or more \(train.parallel.tp\)"),
        (
            {"parallel": {"pp": 2, "vpp": 3, "processes": 2}},
            r"pp\*vpp=2\*3=6 does not divide num_layers=4; choose vpp=1 or 2 \(train.parallel",
        ),
        ({"parallel": {"vpp": 2}}, "vpp=2 interleaves pipeline stages, and pp=1 has only one"),
        (
            {
                "parallel": {"pp": 2, "vpp": 2, "processes": 2},
                "batch_sequences": 12,
                "micro_batch": 4,
            },
            r"=12/\(4\*1\)=3 is not a multiple of pp=2, .* choose a multiple of 8 \(train.batch",
        ),
        (
            {"parallel": {"cp": 3, "processes": 3}},
            r"cp\*2=3\*2=6 does not divide seq_length=128; choose seq_length=126 or 132",
        ),
        (
            {"parallel": {"cp": 2, "pp": 2, "processes": 6}},
            r"processes=6 is not a multiple of tp\*cp\*pp=1\*2\*2=4; choose a multiple of 4",
        ),
        (
            {
                "parallel": {"tp": 2, "cp": 2, "sequence_parallel": True, "processes": 4},
                "model": {"seq_length": 100},
            },
            r"tp\*cp\*2=2\*2\*2=8 does not divide seq_length=100; choose seq_length=96 or 104 \(",
        ),
        (
            {"parallel": {"sequence_parallel": True, "processes": 2}},
            r"sequence_parallel=True splits .* tp=1 leaves it whole; choose tp of 2 or more \(",
        ),
        (
            {"parallel": {"recompute_layers": 2}},
            "recompute_layers=2 has no meaning with recompute=n",
        ),
        (
            {"parallel": {"recompute": "full", "recompute_layers": 5}},
            r"recompute_layers=5 is not within num_layers/\(pp\*vpp\)=4/\(1\*1\)=4; choose 1 to 4",
        ),
        (
            {"parallel": {"overlap_grad_reduce": False}},
            "overlap_param_gather=True needs overlap_grad_reduce=True; set both or neither",
        ),
        ({"parallel": {"recompute": "some"}}, "'parallel.recompute' must be one of 'none', 'sele"),
        ({"batch_sequences": 10, "micro_batch": 4}, r"batch_sequences=10 .* multiple of 4"),
        ({"model": {"num_heads": 3}}, "num_heads=3 does not divide dim=128"),
        ({"model": {"dim": 12, "num_heads": 4}}, "dim/num_heads=3 is odd"),
        ({"optim": {"betas": [0.9]}}, r"betas=\[0.9\] are not two numbers"),
        ({"optim": {"warmup_steps": 999}}, "warmup_steps=999 is not within steps=300"),
        ({"optim": {"lr": -1.0}}, "lr=-1.0 is out of range; choose 0 or more"),
        ({"steps": 0}, r"steps=0 is out of range; choose 1 to 268435456 \(train.steps\)"),
        ({"batch_sequences": 10**20}, r"batch_sequences=10+ is out of range; choose 1 to 16777216"),
        ({"weights": {"web": 0.0}}, r"no source has a weight above 0; .* \(train.weights\)"),
        ({"weights": [{"from_step": 5, "weights": {"web": 1}}]}, "from_step=5 must begin with 0"),
        ({"model": {"preset": "8b"}}, "'model.preset' must be one of 'demo', '7b'"),
        (
            {"require_beats_unigram": True, "eval_sequences": 0},
            "require_beats_unigram=True needs an evaluation; set eval_sequences to 1 or more",
        ),
        (
            {"require_beats_unigram": True, "unigram_baseline": False},
            "require_beats_unigram=True needs the unigram model",
        ),
        ({"micro_bach": 4}, "unknown key 'micro_bach'; did you mean 'micro_batch'?"),
    ],
)
def test_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        build_with(**changes)


FLOATS = (
    "optim.lr optim.min_lr_ratio optim.eps optim.weight_decay optim.clip optim.betas "
    "anomaly.spike_factor start_timeout_s collective_timeout_s disk_timeout_s time_limit_s "
    "memory_limit_gb peak_tflops weights"
).split()


def test_every_number_that_may_have_a_fraction_is_tried_below():
    kinds = {"float", "float | None", "tuple[float, ...]"}
    groups = {"optim": OptimConfig, "anomaly": AnomalyConfig, "data": DataConfig, "log": LogConfig}
    found = {"weights", *(f.name for f in fields(TrainConfig) if _kind(f) in kinds)}
    for name, group in groups.items():
        found |= {f"{name}.{f.name}" for f in fields(group) if _kind(f) in kinds}
    assert found == set(FLOATS)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0])
@pytest.mark.parametrize("key", FLOATS)
def test_what_is_no_finite_number_in_its_range_is_refused(key, value):
    group, _, name = key.rpartition(".")
    given = {"betas": [0.9, value], "weights": {"web": value}}.get(name, value)
    with pytest.raises(ConfigError, match=str(value)) as refused:
        build_with(**({group: {name: given}} if group else {name: given}))
    assert f"(train.{key})" in str(refused.value)


@pytest.mark.parametrize("seed", [-1, 2**63, 2**64, 10**400])
def test_a_seed_that_torch_does_not_take_is_refused(seed):
    with pytest.raises(ConfigError, match=r"choose 0 to 9223372036854775807 \(train.seed\)"):
        build_with(seed=seed)
    assert build_with(seed=2**63 - 1).seed == 2**63 - 1


def _kind(found):
    return "float" if found.type is float else str(found.type)


def test_sequence_parallel_needs_equal_parts_of_the_sequence():
    parallel = {"tp": 4, "processes": 4, "sequence_parallel": True}
    with pytest.raises(ConfigError, match="tp=4 does not divide seq_length=126"):
        build_with(parallel=parallel, model={"seq_length": 126})


def test_an_interleaved_pipelines_micro_batches_fit_its_stages_by_default():
    config = build_with(
        parallel={"pp": 2, "vpp": 2, "processes": 2}, model={"preset": "demo"}, batch_sequences=12
    )
    assert config.schedule.micro_batch == 6


def test_data_parallel_size_is_what_tp_and_pp_leave():
    config = build_with(
        parallel={"tp": 2, "pp": 2, "processes": 4}, batch_sequences=16, micro_batch=2
    )
    assert data_parallel_size(config, 16) == 4
    with pytest.raises(
        ConfigError, match=r"processes=6 is not a multiple of tp\*pp=2\*2=4; choose a"
    ):
        data_parallel_size(config, 6)
