"""What experts said of labels: the ledger, what it comes to, how it is appended to, exchanged and carried along."""
