"""Pure functions over embeddings: who is near, how near that is, and which passages match.

``rank`` orders a library by cosine similarity, ``distribution`` says what a similarity is worth
there, ``matrix`` has all pairs, ``hubness`` corrects them, ``passages`` compares two tracks.
"""
