"""Write tests/data/yamnet.npz: what TensorFlow Lite itself answers with yamnet.tflite.

    pip install ai-edge-litert
    PYTHONPATH=tests python tests/data/make_yamnet.py FILE

FILE is yamnet.tflite. For each waveform of tests/yamnet_waveforms.py: its log-mel spectrogram, the
pooled values and the logits. ``tests/test_yamnet.py`` holds the converted network to them. Made
with ai-edge-litert 2.3.0.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

# By the names of the tensors in the file.
PARTS = {
    "log_mel": "Identity_1",
    "pooled": "yamnet_frames/global_average_pooling2d/Mean",
    "logits": "yamnet_frames/dense/BiasAdd",
}


def main() -> None:
    # Here, so that whoever collects tests need not have them.
    from ai_edge_litert.interpreter import Interpreter
    from yamnet_waveforms import waveforms

    interpreter = Interpreter(sys.argv[1], experimental_preserve_all_tensors=True, num_threads=1)
    interpreter.allocate_tensors()
    place = {tensor["name"]: tensor["index"] for tensor in interpreter.get_tensor_details()}
    answers: dict[str, list[np.ndarray]] = {part: [] for part in PARTS}
    for waveform in waveforms().values():
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], waveform[None])
        interpreter.invoke()
        for part, name in PARTS.items():
            answers[part].append(interpreter.get_tensor(place[name]).squeeze())
    # Half precision is finer than the weights of the file, which have eight bits.
    stored = {part: np.stack(values).astype(np.float16) for part, values in answers.items()}
    np.savez_compressed(Path(__file__).with_name("yamnet.npz"), **stored)


if __name__ == "__main__":
    main()
