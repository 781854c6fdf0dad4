"""The benchmark suite: a table of cases, the runner, the report."""
