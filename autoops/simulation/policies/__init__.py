"""Policies that can be compared, a file each."""
