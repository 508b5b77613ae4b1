"""Step ``distill``: a teacher writes rationales for the training templates, and each one is checked."""
