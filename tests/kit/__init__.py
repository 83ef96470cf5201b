"""Tests of the parts without business words."""
