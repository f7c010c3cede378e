"""The pages of one loan: how it stands, what is known of it, and what may be done to it, by whom."""
