"""The review page: a team decides by keyboard; every decision goes to the ledger before the next template appears."""
