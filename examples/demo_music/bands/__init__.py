"""The eight bands: who plays what. Names, titles and music are invented for this demo."""

from __future__ import annotations

from demo_music.bands.acoustic import AMBIENT, FOLK, JAZZ
from demo_music.bands.amplified import METAL, REGGAE
from demo_music.bands.electronic import CHIPTUNE, SYNTHWAVE, TECHNO

BANDS = (FOLK, SYNTHWAVE, CHIPTUNE, METAL, JAZZ, AMBIENT, TECHNO, REGGAE)
