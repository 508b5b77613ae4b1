"""The review page: a team judges templates by keyboard; every decision goes to the ledger before the next appears."""
