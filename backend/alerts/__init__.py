"""What somebody at the bank must look at: exits nobody ordered, gaps, contradictions; each opened once."""
