"""musicnn, from the model that ``soundalike models pull musicnn`` installs.

Patches of 3 s that do not overlap, and the mean over them: of the layer under the tags (200
numbers), as AudioMuse-AI uses it, and of the features of all layers pooled over time (753).
"""

from __future__ import annotations

import sys

from benchmarks.peers.serve import Arrays, serve
from soundalike.errors import ModelError
from soundalike.frontends.decoded import spectrogram_of_file
from soundalike.frontends.musicnn import PatchStream, patches
from soundalike.models import find_model
from soundalike.models.contract import EMBEDDING, open_session, run


def main() -> None:
    try:
        model = find_model("musicnn")
    except ModelError:
        sys.exit("it is not installed; get it: soundalike models pull musicnn")
    session = open_session(model.verify())

    def analyse(path: str) -> Arrays:
        frames = patches(spectrogram_of_file(path, PatchStream).values).frames
        embedding, pooled = run(session, frames, (EMBEDDING, "mean_pool"))
        return {"embedding": embedding.mean(axis=0), "pooled": pooled.mean(axis=0)}

    serve(analyse)


if __name__ == "__main__":
    main()
