"""Labels that can be trusted: decisions of experts, their agreement, corrected labels and the split."""
