"""A model that says what a test wrote down for it."""

from helium.adapters.scripted.acts import Act, Call, CutOff, Hang, Pause, Tokens, Turn
from helium.adapters.scripted.model import ScriptedModel, model_answers

__all__ = ["Act", "Call", "CutOff", "Hang", "Pause", "ScriptedModel", "Tokens", "Turn", "model_answers"]
