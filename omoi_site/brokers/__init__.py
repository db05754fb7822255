"""What each broker needs set: short timeouts, and a dead worker's messages given back within seconds."""
