"""The benchmark: Helium beside a bare proxy, on one machine, in one run; see `python -m bench --help`."""
