/** How a tool call is told in words: what it does, what it did, and on what. */
export type CallWords = { doing: string; did: string; failed: string; target: string };

type Words = { doing: string; did: string; failed: string; target?: string[] };

const WORDS: Record<string, Words> = {
  calculator: words("Calculating", "Calculated", "Could not calculate", "expression"),
  clock: words("Looking up the time", "Looked up the time", "Could not tell the time", "place"),
  ask_person: words("Asking you", "Asked you", "Could not ask", "question"),
  save_note: words("Saving a note", "Saved a note", "Did not save the note", "text"),
  list_notes: words("Reading the notes", "Read the notes", "Could not read the notes"),
  list_files: words("Listing the files", "Listed the files", "Could not list the files"),
  read_file: words("Reading", "Read", "Could not read", "path"),
  write_file: words("Writing", "Wrote", "Did not write", "path"),
  append_file: words("Adding to", "Added to", "Did not add to", "path"),
};

function words(doing: string, did: string, failed: string, ...target: string[]): Words {
  return { doing, did, failed, target };
}

export function describeCall(call: { name: string; arguments?: string }): CallWords {
  const known = WORDS[call.name];
  if (!known) {
    const name = humanName(call.name);
    const failed = `${name.charAt(0).toUpperCase()}${name.slice(1)} failed`;
    return { doing: `Running ${name}`, did: `Ran ${name}`, failed, target: "" };
  }
  return { ...known, target: targetOf(call.arguments ?? "", known.target ?? []) };
}

function targetOf(json: string, names: string[]): string {
  const facts = parseObject(json);
  for (const name of names) {
    const value = facts[name];
    if (typeof value === "string" || typeof value === "number") return shorten(String(value));
  }
  return "";
}

function parseObject(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function humanName(name: string): string {
  return name.replaceAll(/[_\-.]+/g, " ").trim();
}

function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
}

const LONGEST = 20_000;

/** The answers that a question offers to choose from. */
export function choicesOf(json: string | null): string[] {
  const { options } = parseObject(json ?? "");
  return Array.isArray(options) ? options.filter((one) => typeof one === "string") : [];
}

/** JSON laid out for reading; other text as it is; both cut where nobody reads on. */
export function prettyText(text: string): string {
  let laidOut = text;
  try {
    if (/^\s*[[{]/.test(text)) laidOut = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // Not JSON, or not yet: shown as it came.
  }
  if (laidOut.length <= LONGEST) return laidOut;
  return `${laidOut.slice(0, LONGEST)}\n… ${laidOut.length - LONGEST} more characters`;
}
