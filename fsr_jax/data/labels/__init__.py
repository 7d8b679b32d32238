"""Labels: as people write them, from files, made wrong or rare on purpose."""
