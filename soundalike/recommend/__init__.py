"""What to play next, and why: functions over embeddings and over a view of a library."""
