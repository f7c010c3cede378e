"""A warehouse yard before the lens: rendered coils at a gate, or a real clip, played on command.

It is what a demo and the tests put in front of the bridge; the bridge sees only its pictures.
"""
