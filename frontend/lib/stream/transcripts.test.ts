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

const ROOT = join(import.meta.dirname, "../../..");
const FOLDER = join(ROOT, "contracts/transcripts");
const RELEASED = join(ROOT, "backend/tests/upgrade/fixtures");

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

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return files.filter((file) => file.endsWith(".json")).sort();
}

describe.each([
  ["of today", FOLDER],
  ["of each release, frozen", RELEASED],
])("the transcripts %s", (_, folder) => {
  const files = filesIn(folder);

  it.skipIf(!process.env.CI)("are there", () => {
    expect(files).not.toEqual([]);
  });

  it.each(files)("fold to the server's view: %s", (file) => {
    const transcript = JSON.parse(readFileSync(join(folder, file), "utf8")) as Transcript;

    const view = transcript.events.reduce(reduce, EMPTY_VIEW);

    expect(bare(seen(view))).toEqual(bare(transcript.view));
  });
});
