"""Where incidents are sent: each state of an incident once to each sink."""
