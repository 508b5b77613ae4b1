"""What is known of faults without any label: domains, signs of trouble, and how to say it."""
