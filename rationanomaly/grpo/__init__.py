"""Stage 2: group relative policy optimisation on the multi-faceted reward."""
