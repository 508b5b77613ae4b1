"""Step ``evaluate``: base, SFT, SFT+GRPO and the reference classifier on held-out templates and sessions."""
