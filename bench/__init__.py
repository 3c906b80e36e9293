"""Measurements of DAIRA beside baselines of the same run; `make bench` runs them and writes bench/results.json."""
