"""Each facet of the built-in model hears what its name says, in pieces of which it is known.

``examples/README.md`` explains the pieces and the questions.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from soundalike.analyzer import Analyzer

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

from controlled import pieces
from known_answers import OWN_FACTOR, embed, factor_answers


@pytest.mark.slow
def test_facets_of_the_built_in_model_hear_their_own_factors() -> None:
    chosen = pieces("small")
    embeddings = embed(Analyzer(), chosen)
    answers = factor_answers(embeddings, [factors for _, factors in chosen])
    assert {one.facet for one in answers} == set(embeddings)
    for one in answers:
        assert one.n_queries == 64
        assert one.chance == pytest.approx(0.25)
        if OWN_FACTOR[one.facet] == one.sought:
            assert one.precision > 0.9
        else:
            assert one.precision < 0.7
