"""The report of a comparison: its data, its charts, and the page in English or Indonesian."""
