"""What to play next.

``order``, ``path`` and what they are made of are pure functions over embeddings; ``playlist``,
``playlist_files``, ``journey`` and ``station`` answer for a library. What these return has all reasons in it.
"""
