"""The command line: `app` lists its commands, `steps` makes one of each step, `console` alone owns the terminal."""
