"""What follows from the neighbours of all tracks: orders, paths, radio, groups, a map; taste."""
