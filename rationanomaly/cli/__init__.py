"""The command line: `app` makes it from `steps.STEPS`, `console` alone owns the terminal."""
