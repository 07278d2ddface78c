"""Many files at once: worker processes that may die without harm to the others.

``jobs`` is what is said to them, ``process`` what runs in each, ``pool`` keeps them, ``calls`` has
a function called on many files. None of it knows the database.
"""
