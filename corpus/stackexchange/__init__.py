"""Stack Exchange's dumps: files, rows, posts joined into threads, HTML to text, the sites."""
