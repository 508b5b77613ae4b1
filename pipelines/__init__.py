"""DAGs of components: compile and run locally. Used from a checkout, not part of the wheel."""
