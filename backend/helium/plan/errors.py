"""What a person asked for that cannot be planned: one sentence that says what to do."""


class PlanInvalid(ValueError):
    pass
