"""Models of real providers: three wire formats, decoded by hand, behind one streaming client."""
