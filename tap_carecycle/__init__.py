"""Singer tap that reads CareCycle's customers."""
