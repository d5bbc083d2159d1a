"""Tests of the vision models."""
