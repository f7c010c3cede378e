"""The edge: sees goods move, signs what it saw, keeps it, and anchors it. Knows nothing of loans."""
