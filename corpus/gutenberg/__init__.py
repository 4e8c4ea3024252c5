"""Project Gutenberg's plain texts: their encodings, headers, licences, credits and stated facts."""
