"""What an event means to whom it concerns; standard library only."""
