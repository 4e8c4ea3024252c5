"""Cleaning of source files, pure: licences, languages, what is no code, headers. No Arrow."""
