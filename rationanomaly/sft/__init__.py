"""Stage 1: supervised fine-tuning on rationales and verdicts."""
