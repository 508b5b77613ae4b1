"""What of others we ship, and what is known to be wrong with it: `audit`, `refresh` and `locks`."""
