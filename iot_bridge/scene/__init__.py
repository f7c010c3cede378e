"""What stands before the lens in a demo and in tests: a rendered yard, or a real clip, played on command.

The bridge sees only its pictures. No part of it runs at a real site.
"""
