"""The log adapter: what logs are and how one reasons about them, as a LoRA adapter for the packaged base.

`rationanomaly pretrain` makes it; once it is here, the step `base` merges it into the weights that it writes. Beside
these modules then lie ``adapter_model.safetensors``, ``adapter_config.json`` and ``card.json``, which says what it was
made from. A base of another kind has no use for it.
"""
