"""Trust reports for Jira sites, each made exactly once, from evidence really read.

Start reading at `scheduler/attempt.py` (the life of one attempt on one screen)
and `domain/` (every decision, pure). `docs/architecture.md` is the map.
"""

__version__ = "0.1.0"
