"""What analytics' ports are in the world: ClickHouse and the owners of the logs."""
