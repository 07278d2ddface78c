"""What to play next: pure functions over embeddings, which open no file and no library.

``order`` makes the steps through some tracks short (``tour`` searches, ``spacing`` keeps artists
apart), ``path`` leads from one track to another over near ones (``graph``), ``radio`` goes on and
on. ``given`` is what callers tell of tracks beside their embeddings.
"""
