"""Pure functions over embeddings and analyses: who is near, how near, and why.

``similar`` ranks a library by cosine similarity and says what a similarity is worth there;
``explain`` compares two analyses and finds the passages that match.
"""
