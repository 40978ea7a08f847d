/** What was typed and not sent, per thread. Survives reload, crash and thread switch. */
const PREFIX = "helium.draft.";

export function readDraft(place: string): string {
  return localStorage.getItem(PREFIX + place) ?? "";
}

export function keepDraft(place: string, text: string): void {
  if (text) localStorage.setItem(PREFIX + place, text);
  else localStorage.removeItem(PREFIX + place);
}

export function moveDraft(from: string, to: string): void {
  const text = readDraft(from);
  keepDraft(from, "");
  if (text) keepDraft(to, text);
}
