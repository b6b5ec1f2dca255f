"""What firstry costs, beside raw loops and peers; `make bench` and `make bench-peers`.

The PostgreSQL server is the tests' own, so their folder stands on the path.
"""
