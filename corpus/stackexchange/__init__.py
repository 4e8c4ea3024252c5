"""StackExchange's dumps: rows of posts, posts joined into threads, HTML to text, the sites."""
