"""A page and an HTTP API for a library; needs the extra ``server``.

>>> from soundalike.server.app import create_app                   # doctest: +SKIP
>>> from soundalike.server.settings import Settings                # doctest: +SKIP
>>> app = create_app(Settings())                                   # doctest: +SKIP
"""
