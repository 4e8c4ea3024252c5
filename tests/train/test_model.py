"""megatron-core's model with our modules in it, against plain torch."""

import pytest
import torch

from train import model, parallel
from train.llama import Llama


def test_whole_model_equals_plain_torch(tiny_config, tmp_path):
    config = tiny_config(tmp_path)
    shape = config.shape
    tokens = torch.randint(
        0, shape.vocab, (2, shape.seq_length), generator=torch.Generator().manual_seed(0)
    )
    positions = torch.arange(shape.seq_length).expand_as(tokens)
    with parallel.joined(config):
        [built] = model.build(config)
        with torch.no_grad():
            # Gains of one would hide a norm that is used in another's place.
            for parameter in built.parameters():
                if parameter.dim() == 1:
                    parameter.uniform_(0.5, 1.5)
            found = built(tokens, positions, None)
        names = {name: p.detach() for name, p in built.named_parameters()}
    plain = Llama(shape, _hugging_face_names(names, shape))
    torch.testing.assert_close(found, plain.logits(tokens), atol=1e-5, rtol=1e-4)


def _hugging_face_names(names, shape):
    weights = {
        "model.embed_tokens.weight": names["embedding.word_embeddings.weight"],
        "model.norm.weight": names["decoder.final_layernorm.weight"],
        "lm_head.weight": names["output_layer.weight"],
    }
    for layer in range(shape.num_layers):
        old, new = f"decoder.layers.{layer}.", f"model.layers.{layer}."
        weights[new + "input_layernorm.weight"] = names[old + "input_layernorm.weight"]
        weights[new + "post_attention_layernorm.weight"] = names[old + "pre_mlp_layernorm.weight"]
        weights[new + "self_attn.o_proj.weight"] = names[old + "self_attention.linear_proj.weight"]
        weights[new + "mlp.down_proj.weight"] = names[old + "mlp.linear_fc2.weight"]
        fc1 = names[old + "mlp.linear_fc1.weight"]
        weights[new + "mlp.gate_proj.weight"] = fc1[: shape.ffn]
        weights[new + "mlp.up_proj.weight"] = fc1[shape.ffn :]
        qkv = names[old + "self_attention.linear_qkv.weight"].split(shape.head_dim)
        for offset, part in enumerate("qkv"):
            weights[f"{new}self_attn.{part}_proj.weight"] = torch.cat(qkv[offset::3])
    return weights


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_parameters_are_of_the_configs_precision(tiny_config, tmp_path, precision):
    config = tiny_config(tmp_path, precision=precision)
    with parallel.joined(config):
        dtypes = {p.dtype for p in model.build(config)[0].parameters()}
    assert dtypes == {torch.float32 if precision == "fp32" else torch.bfloat16}
