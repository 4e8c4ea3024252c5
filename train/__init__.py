"""A megatron-core LLaMA: model, parallelism, data, loop, checkpoints, export."""
