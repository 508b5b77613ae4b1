"""What `sft` and `grpo` share: the loop, batches, checkpoints, validation, memory."""
