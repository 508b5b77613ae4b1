"""What a verdict costs: time, tokens and money, of a trained model on this machine."""
