"""What to play next, and what a library is made of.

``order``, ``path``, ``communities``, ``layout`` and what they are made of are pure functions over
embeddings, which open no file and no library. ``playlist``, ``playlist_files``, ``journey``,
``station``, ``passages``, ``explain``, ``clusters``, ``map`` and ``taste`` answer for a library;
what they return has all reasons in it.
"""
