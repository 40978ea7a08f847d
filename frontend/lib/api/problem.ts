type Facts = {
  code: string;
  title: string;
  detail?: string;
  status?: number;
  requestId?: string;
  cause?: unknown;
};

/** An error as the API tells it (problem+json), or the lack of any answer (`network`). */
export class Problem extends Error {
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly status: number;
  readonly requestId: string;

  constructor(facts: Facts) {
    super(facts.title, { cause: facts.cause });
    this.name = "Problem";
    this.code = facts.code;
    this.title = facts.title;
    this.detail = facts.detail ?? "";
    this.status = facts.status ?? 0;
    this.requestId = facts.requestId ?? "";
  }

  /** Whether the same request may well succeed in a moment. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }

  /** What a person can do about it, in one sentence. */
  get advice(): string {
    if (this.code === "network") return "Check that the server runs (`helium up`), then try again.";
    if (this.status === 401) return "Run `helium token` and paste it here.";
    if (this.status === 404) return "It may have been deleted. Choose another thread on the left.";
    if (this.status === 409) return "Something changed meanwhile. Look at the thread, then try again.";
    if (this.status === 429) return "Too many requests at once. Wait a moment, then try again.";
    if (this.status >= 500) return "The fault is on the server. Try again in a moment.";
    return "Change what you sent, then try again.";
  }
}

export async function problemOf(response: Response): Promise<Problem> {
  const body: unknown = await response.json().catch(() => null);
  const facts = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const text = (name: string) => (typeof facts[name] === "string" ? facts[name] : "");
  return new Problem({
    code: text("code") || `http_${response.status}`,
    title: text("title") || `The server answered ${response.status}`,
    detail: text("detail"),
    status: response.status,
    requestId: text("request_id") || response.headers.get("X-Request-Id") || "",
  });
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem({ code: "page", title: "This page made a mistake", cause: error });
}
