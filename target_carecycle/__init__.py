"""Singer target that uploads records to CareCycle as leads."""
