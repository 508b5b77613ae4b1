"""A model folder and the language model in it: files, safety, scoring, constraints on what it generates."""
