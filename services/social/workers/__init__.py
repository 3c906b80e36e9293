"""Social's second entry points: relay, fan-out, projector."""
