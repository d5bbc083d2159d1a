"""One file a document format: from bytes to text with pages, headings and offsets."""
