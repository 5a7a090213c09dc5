"""One file a paper system, joining the rooms."""
