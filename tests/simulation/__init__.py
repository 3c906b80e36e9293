"""Whole lives of sagas in virtual time, with crashes and a faulty provider, each from a seed."""
