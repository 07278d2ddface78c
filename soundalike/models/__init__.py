"""Models: which are installed, how one is got, and what each says of itself.

``contract`` says what is in a model file, ``registry`` lists those that are installed, ``lineage``
tells which one took the place of which as the default. ``pull`` brings more from the net
(``download``, and ``musicnn`` with ``tensorflow`` for that one).
"""

from soundalike.models.registry import (
    DEFAULT_MODEL,
    FORMER_DEFAULTS,
    ModelInfo,
    ModelKey,
    builtin_models,
    find_by_key,
    find_model,
    installed_models,
    models_folder,
    pulled_models,
)

__all__ = [
    "DEFAULT_MODEL",
    "FORMER_DEFAULTS",
    "ModelInfo",
    "ModelKey",
    "builtin_models",
    "find_by_key",
    "find_model",
    "installed_models",
    "models_folder",
    "pulled_models",
]
