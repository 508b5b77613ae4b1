"""Download the public data sets that the method was published on."""
