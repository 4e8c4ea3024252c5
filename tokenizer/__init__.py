"""SentencePiece training, encoding, and the Arrow token-shard format."""
