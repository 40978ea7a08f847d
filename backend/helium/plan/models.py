"""What the models cost: apart from the installation, by the price list that counts the costs of runs."""

from dataclasses import dataclass

from helium.adapters.providers.prices import cost_microusd
from helium.core.budget import Usage as Tokens
from helium.plan.assumptions import Workload
from helium.plan.demand import Demand
from helium.plan.errors import PlanInvalid

DEFAULT_MODEL = "openai:gpt-5-mini"
NO_MODEL = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCost:
    """A model's tokens: of one run, and of a month."""

    model: str
    microusd_per_run: int
    microusd: int


def model_cost(model: str, workload: Workload, demand: Demand) -> ModelCost:
    """Raises `PlanInvalid` where the model is not `provider:model`, or has no price in the list."""
    provider, _, name = model.partition(":")
    if not name:
        raise PlanInvalid(f"The model {model!r} must be provider:model, such as {DEFAULT_MODEL}.")
    tokens = Tokens(input_tokens=workload.input_tokens_per_run, output_tokens=workload.tokens_per_run)
    each = cost_microusd(provider, name, tokens)
    if not each:
        raise PlanInvalid(
            f"The price list of genai-prices has no price of {model}: name another --model, or say"
            f" --model {NO_MODEL}."
        )
    return ModelCost(model=model, microusd_per_run=each, microusd=round(each * demand.runs_per_month))
