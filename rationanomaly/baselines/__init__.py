"""Cheap scorers that a language model has to be held against: words, characters, and a blend of both."""
