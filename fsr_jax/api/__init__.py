"""Training and what comes of it, in Python: `fit`, `load`, `FSRClassifier`."""
