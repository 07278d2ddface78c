"""The research kit: data sets, networks, training, metrics and export. Needs torch."""
