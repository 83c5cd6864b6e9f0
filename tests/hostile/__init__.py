"""Broken, hostile and honest submissions to one small course, each with the points that it deserves."""
