"""What runs beside the RPCs: the relay, and the upkeep of top-ups and folded balances."""
