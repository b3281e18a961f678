"""Inputs as users have them → what a network says of them, for each kind of input."""
