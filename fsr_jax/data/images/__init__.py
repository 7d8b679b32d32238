"""Pictures: bytes to pixels, read while steps run, cropped and mirrored."""
