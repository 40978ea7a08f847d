import { readToken, refuseToken } from "@/lib/token";
import { apiAddress } from "./address";
import { Problem, problemOf } from "./problem";
import type { paths } from "./schema";

type Method = "get" | "post" | "delete";
type PathsWith<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, object> ? P : never;
}[keyof paths];
type Operation<M extends Method, P extends PathsWith<M>> = paths[P][M & keyof paths[P]];
type JsonIn<R> = R extends { content: { "application/json": infer T } } ? T : undefined;
type Success = 200 | 201 | 202 | 204;

/** What a call answers when it succeeds. */
export type Answer<M extends Method, P extends PathsWith<M>> =
  Operation<M, P> extends { responses: infer R } ? JsonIn<R[keyof R & Success]> : never;

/** What a call takes as its body. */
export type Body<M extends Method, P extends PathsWith<M>> =
  Operation<M, P> extends { requestBody: infer B } ? JsonIn<B> : undefined;

type Request_<M extends Method, P extends PathsWith<M>> = {
  path?: Record<string, string>;
  query?: Record<string, string | number | undefined>;
  body?: Body<M, P>;
  idempotencyKey?: string;
  signal?: AbortSignal;
};

/** One typed call of the API. Throws `Problem`, and nothing else, when it fails. */
export async function call<M extends Method, P extends PathsWith<M>>(
  method: M,
  path: P,
  request: Request_<M, P> = {},
): Promise<Answer<M, P>> {
  const token = readToken();
  const headers: Record<string, string> = { Accept: "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (request.body) headers["Content-Type"] = "application/json";
  if (request.idempotencyKey) headers["Idempotency-Key"] = request.idempotencyKey;
  const response = await send(apiAddress(addressOf(path, request.path, request.query)), {
    method: method.toUpperCase(),
    headers,
    signal: request.signal,
    body: request.body ? JSON.stringify(request.body) : undefined,
  });
  if (response.status === 401) refuseToken(token);
  if (!response.ok) throw await problemOf(response);
  return (response.status === 204 ? undefined : await response.json()) as Answer<M, P>;
}

/** A path with its parameters filled in. */
export function addressOf(
  path: string,
  params: Record<string, string> = {},
  query: Record<string, string | number | undefined> = {},
): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(params[name] ?? ""),
  );
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) search.set(name, String(value));
  }
  return search.size > 0 ? `${filled}?${search}` : filled;
}

async function send(address: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(address, init);
  } catch (cause) {
    throw new Problem({ code: "network", title: "Helium cannot be reached", cause });
  }
}
