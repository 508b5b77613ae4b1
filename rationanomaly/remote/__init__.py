"""How servers of others are spoken to: what sinks and sources share."""
