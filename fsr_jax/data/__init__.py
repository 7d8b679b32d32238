"""Images and labels: `sources`, `labels`, `images`, and the options of all."""
