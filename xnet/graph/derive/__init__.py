"""Derivatives: the table of rules, the chain rule, and the check against slopes."""
