"""What is looked at.

``html`` fills in the pages that stand in ``templates``; ``plots`` draws sound, ``charts`` draws
results, ``drawing`` is what both share; ``numbers`` writes numbers.
"""
