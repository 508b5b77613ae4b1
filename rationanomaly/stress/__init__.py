"""What a model's verdicts hold out against: attacks, altered logs, other systems' logs; and what it makes up."""
