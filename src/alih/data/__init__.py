"""From files to examples, splits and batches."""
