"""Message templates of system logs for pretraining, one text file per domain; `messages` says how they are read."""
