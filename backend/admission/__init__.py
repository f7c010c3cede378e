"""Who may come in, over the API: sessions, people, organisations and machines' keys.

What is decided stands in `identity`; this is its door, above `web`, which itself asks `identity` who calls.
"""
