"""What is seen of a run while it goes on: lines, progress, TensorBoard."""
