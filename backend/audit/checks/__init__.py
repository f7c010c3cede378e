"""The steps of a verification: each function examines one thing, and refuses by name or says what it saw."""
