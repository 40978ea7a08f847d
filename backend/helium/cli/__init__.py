"""The command line. Every error that a person can cause is one sentence that says what to do."""
