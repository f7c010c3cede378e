"""What every route needs: who asks, one unit of work, an answer given once, two persons, pages and problems.

It knows no capability; each capability's `routes.py` speaks through it.
"""
