"""What the three plugins share; imports none of them."""
