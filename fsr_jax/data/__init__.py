"""Images and labels: sources, label corruption, batch order, augmentation."""
