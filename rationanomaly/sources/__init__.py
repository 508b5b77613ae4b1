"""Where lines come from: each source behind one small interface, `chunk.LineSource`."""
