"""The bank's copy of what the devices said: statements checked, site logs re-derived, gaps named."""
