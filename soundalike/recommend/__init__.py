"""What to play next.

``order``, ``path`` and what they are made of are pure functions over embeddings, which open no file
and no library. ``playlist``, ``playlist_files``, ``journey`` and ``station`` answer for a library;
what they return has all reasons in it.
"""
