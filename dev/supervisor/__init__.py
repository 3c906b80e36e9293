"""Starts the processes of one machine in order, watches over them, and ends them all."""
