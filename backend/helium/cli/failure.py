"""An error that a person can mend: one sentence that says what to do."""


class Failure(Exception):
    pass
