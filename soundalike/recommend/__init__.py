"""What to play next: pure functions over embeddings, which open no file and no library."""
