"""The sections of a report that show what a run is good at and what it gets wrong, for each task."""
