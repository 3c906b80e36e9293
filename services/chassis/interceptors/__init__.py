"""What happens around every RPC, one concern a file, in one order."""
