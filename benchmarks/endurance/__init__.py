"""What happens to a library when things go wrong: ``python -m benchmarks.endurance COMMAND MUSIC``.

Scans are killed (``kill``), disks are filled (``disk``), files change under a scan's hands
(``files``), others use the library meanwhile (``two``), what lies beside it is damaged (``cache``),
20,000 files are scanned (``soak``), and 20,000 damaged ones (``fuzz``). After each of these a
library has to open, to hold only whole analyses, and to be completed by the next scan to what it
would be if nothing had happened. Each prints JSON with its figures and ``findings``, what was not
as it has to be; then the exit code is 1.
"""
