"""Training a small network with a large one as its teacher, on unlabelled music.

``soundalike data pool`` cuts segments from recordings and asks the teacher about each; a
``student`` network learns from that pool and from labelled tracks together
(:mod:`soundalike.research.distill.task`). What the product's embedding is made of in the end is
:mod:`soundalike.research.distill.projection`.
"""
