"""C4's rules for web pages (arXiv:1910.10683, section 2.2), as a stage over any source's texts."""
