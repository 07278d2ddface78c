"""A model of soundalike's own, named by the argument: what a scan would store of the track."""

from __future__ import annotations

import sys

from benchmarks.peers.serve import Arrays, serve
from soundalike.analyzer import Analyzer


def main() -> None:
    analyzer = Analyzer(sys.argv[1])

    def analyse(path: str) -> Arrays:
        return {"embedding": analyzer.from_file(path).embedding}

    serve(analyse)


if __name__ == "__main__":
    main()
