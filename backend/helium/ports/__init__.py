"""Every border of the engine: what each side promises, what may be lost, what is raised.

The engine knows these protocols and no technology. Each has at least two real implementations, and
one contract suite (`backend/tests/contract`) runs over all of them. A page for each noun: `models`,
`tools`, `runs` and `run_store`, `queue`, `bus`, `cache`, `blobs`, `secrets`.
"""

from helium.kit.clock import Clock
from helium.ports.blobs import (
    BlobStore,
    StoredBlob,
)
from helium.ports.bus import (
    Bus,
    Listener,
    Topic,
)
from helium.ports.cache import (
    Cache,
)
from helium.ports.models import (
    ArgumentsDelta,
    FinishReason,
    Model,
    ModelCatalog,
    ModelEvent,
    ModelFinished,
    ModelRequest,
    ReasoningDelta,
    ReasoningDone,
    RefusalDelta,
    TextDelta,
    ToolCallStarted,
)
from helium.ports.queue import (
    Ack,
    Bell,
    Bury,
    Delivery,
    Execute,
    Refuse,
    Verdict,
)
from helium.ports.run_store import (
    RunStore,
)
from helium.ports.runs import (
    ActionRow,
    ClaimedRun,
    Close,
    Committed,
    EffectRow,
    Lease,
    NewRun,
    RunLimits,
    RunRow,
    Standing,
    StepRecord,
    WhenBusy,
    Write,
)
from helium.ports.secrets import (
    Secret,
    SecretStore,
)
from helium.ports.tools import (
    Effect,
    FileStore,
    StoredFile,
    Tool,
    ToolContext,
)

__all__ = [
    "Ack",
    "ActionRow",
    "ArgumentsDelta",
    "Bell",
    "BlobStore",
    "Bury",
    "Bus",
    "Cache",
    "ClaimedRun",
    "Clock",
    "Close",
    "Committed",
    "Delivery",
    "Effect",
    "EffectRow",
    "Execute",
    "FileStore",
    "FinishReason",
    "Lease",
    "Listener",
    "Model",
    "ModelCatalog",
    "ModelEvent",
    "ModelFinished",
    "ModelRequest",
    "NewRun",
    "ReasoningDelta",
    "ReasoningDone",
    "RefusalDelta",
    "Refuse",
    "RunLimits",
    "RunRow",
    "RunStore",
    "Secret",
    "SecretStore",
    "Standing",
    "StepRecord",
    "StoredBlob",
    "StoredFile",
    "TextDelta",
    "Tool",
    "ToolCallStarted",
    "ToolContext",
    "Topic",
    "Verdict",
    "WhenBusy",
    "Write",
]
