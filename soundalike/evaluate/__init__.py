"""How good the neighbours are: figures that need no listening test.

``retrieval`` scores rankings against labels, ``intervals`` says how sure a figure is.
"""
