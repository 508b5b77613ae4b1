"""DAGs of components: compile, run locally, submit. Used from a checkout, not part of the wheel."""
