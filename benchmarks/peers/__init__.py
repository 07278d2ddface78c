"""What analyses files for the comparison of neighbours, each in a process of its own.

Every module but ``serve`` is a worker: it reads requests from standard input and answers them
(:mod:`benchmarks.peers.serve`). Those of other people's tools run in an environment that holds
these tools and not soundalike, so they import nothing of it.
"""
