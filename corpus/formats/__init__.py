"""What the readers of `corpus.sources` share: WARC records, HTML to text, batches of documents."""
