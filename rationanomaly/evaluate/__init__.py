"""Step ``evaluate``: the models of the steps beside rules and classifiers, on held-out templates and sessions."""
