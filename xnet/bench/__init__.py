"""The benchmark suite: a table of cases, running them, the report."""
