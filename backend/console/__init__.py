"""The console: pages for people, made on the server from what the capabilities' own routes answer.

It decides nothing and knows no table; who may see or do what is asked where the API asks it too.
"""
