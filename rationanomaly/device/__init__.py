"""What a process runs on: threads and seeds, ranks, shares of weights, precision."""
