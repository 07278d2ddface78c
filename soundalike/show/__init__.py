"""What is looked at: HTML pages, and pictures of spectra, comparisons and results."""
