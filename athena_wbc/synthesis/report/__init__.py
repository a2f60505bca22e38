"""The report of a run of the loop, and the comparison of several."""
