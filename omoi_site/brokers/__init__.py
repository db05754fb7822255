"""One module per broker: short timeouts; a dead worker's messages are delivered again within seconds."""
