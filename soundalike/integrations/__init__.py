"""Other programs that play music: what they have, in the words of the library.

A module for what speaks one language; each needs an extra of the same name.
"""
