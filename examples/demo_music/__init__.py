"""Eight invented bands and the synthesisers that play them, for the demo of soundalike.

The parts, in the order in which they depend on each other::

    synthesis      oscillators, envelopes, filters
    instruments    pitched instruments: note -> samples
    drums          drum kits: name -> samples
    effects        what happens to a part or to the mix: distortion, chorus, echo, reverb
    theory         scales, chords, rhythm patterns, melodies
    bands          who plays what: the data
    score          a band and a seed -> the notes of a piece
    render         the notes of a piece -> stereo samples
    files          samples -> a tagged audio file

And for pieces of which it is known what they have in common::

    rhythms, harmonies, instrumentations    the data
    arrangement    one of each -> the notes of a piece, which `render` plays
"""
