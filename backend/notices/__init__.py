"""How what happened reaches people and machines: kept with the act itself, then streamed, called, mailed."""
