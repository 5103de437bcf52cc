"""Singer target that writes records to LeadSquared as leads."""
