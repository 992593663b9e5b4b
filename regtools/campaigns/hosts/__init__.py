"""A campaign on many hosts, through Dask."""
