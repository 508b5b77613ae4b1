"""Make the log adapter: teach a small base, once and for everybody, what logs are and how to reason about them."""
