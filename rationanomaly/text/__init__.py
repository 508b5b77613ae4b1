"""How log text is shown to a model, quoted, compared and embedded."""
