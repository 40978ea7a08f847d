"""Protection of a container on Amazon ECS from being scaled in or replaced while it holds runs."""

from helium.adapters.ecs.agent import Agent, AgentUriInvalid, Unanswered, agent_of
from helium.adapters.ecs.protection import Holder, Protection

__all__ = ["Agent", "AgentUriInvalid", "Holder", "Protection", "Unanswered", "agent_of"]
