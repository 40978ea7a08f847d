import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Item, LoggedEvent, Usage } from "./events";
import { reduce } from "./reduce";
import { EMPTY_VIEW, type Action, type RunError, type RunView } from "./view";

/** What the server's fold makes of the same events. */
type Transcript = {
  name: string;
  events: LoggedEvent[];
  view: {
    status: string;
    items: Item[];
    action: Action | null;
    usage: Usage;
    error: RunError | null;
    last_seq: number;
  };
};

const FOLDER = join(import.meta.dirname, "../../../contracts/transcripts");
const present = existsSync(FOLDER);

/** The server leaves out fields that hold their default; this page may or may not. Both sides are
 * compared without them. */
const DEFAULTS: Record<string, unknown[]> = {
  status: ["completed"],
  content: [[]],
  text: [""],
  arguments: ["", null],
  caller: [false],
  opaque: [null],
  is_error: [false],
  tool: [null],
  call_id: [null],
  detail: ["auto"],
  input_tokens: [0],
  cached_tokens: [0],
  output_tokens: [0],
  reasoning_tokens: [0],
  cost_microusd: [0],
};

function bare(value: unknown, top = true): unknown {
  if (Array.isArray(value)) return value.map((one) => bare(one, false));
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(
    ([name, one]) =>
      top || !DEFAULTS[name]?.some((plain) => JSON.stringify(plain) === JSON.stringify(one)),
  );
  return Object.fromEntries(kept.map(([name, one]) => [name, bare(one, false)]));
}

function seen({ status, items, action, usage, error, last_seq }: RunView) {
  return { status, items, action, usage, error, last_seq };
}

function load(file: string): Transcript {
  return JSON.parse(readFileSync(join(FOLDER, file), "utf8")) as Transcript;
}

describe("the golden transcripts", () => {
  it.skipIf(!process.env.CI)("are there", () => {
    expect(present && readdirSync(FOLDER).length > 0).toBe(true);
  });

  const files = present ? readdirSync(FOLDER).filter((file) => file.endsWith(".json")) : [];
  it.each(files)("fold to the server's view: %s", (file) => {
    const transcript = load(file);

    const view = transcript.events.reduce(reduce, EMPTY_VIEW);

    expect(bare(seen(view))).toEqual(bare(transcript.view));
  });
});
