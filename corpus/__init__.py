"""Spark stages that turn raw sources into cleaned, annotated documents."""
