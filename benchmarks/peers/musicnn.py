"""musicnn, from the model that ``soundalike models pull musicnn`` installs.

Patches of 3 s that do not overlap, and the mean over them: of the layer under the tags (200
numbers), as AudioMuse-AI uses it, and of the features of all layers pooled over time (753).
"""

from __future__ import annotations

import sys

import numpy as np
import onnxruntime

from benchmarks.peers.serve import Arrays, serve
from soundalike.audio import AudioReader
from soundalike.errors import ModelError
from soundalike.frontends.musicnn import PatchStream, patches
from soundalike.models import find_model

_BATCH_PATCHES = 16


def main() -> None:
    try:
        model = find_model("musicnn")
    except ModelError:
        sys.exit("it is not installed; get it: soundalike models pull musicnn")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.verify(), options, providers=["CPUExecutionProvider"]
    )

    def analyse(path: str) -> Arrays:
        with AudioReader(path) as reader:
            stream = PatchStream(reader.sample_rate)
            for block in reader:
                stream.push(block)
        frames = patches(stream.finish()).frames
        outputs = [
            session.run(
                ["embedding", "mean_pool"], {"log_mel": frames[start : start + _BATCH_PATCHES]}
            )
            for start in range(0, len(frames), _BATCH_PATCHES)
        ]
        embedding, pooled = (np.concatenate(parts) for parts in zip(*outputs, strict=True))
        return {"embedding": embedding.mean(axis=0), "pooled": pooled.mean(axis=0)}

    serve(analyse)


if __name__ == "__main__":
    main()
