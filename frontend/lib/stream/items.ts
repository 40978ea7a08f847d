import type { DeltaPart, Item, Message, Part } from "./events";
import type { RunView } from "./view";

/** Puts an item at its place in the output, or replaces the one that has its id. */
export function placeItem(view: RunView, index: number, item: Item): RunView {
  const places = { ...view.extra.places, [item.id]: index };
  const others = view.items.filter((other) => other.id !== item.id);
  const before = others.findIndex((other) => (places[other.id] ?? 0) > index);
  const items = others.toSpliced(before < 0 ? others.length : before, 0, item);
  return { ...view, items, extra: { ...view.extra, places } };
}

/** A retracted attempt never happened: its items leave the view. */
export function dropItems(view: RunView, ids: readonly string[]): RunView {
  const dropped = new Set(ids);
  return { ...view, items: view.items.filter((item) => !dropped.has(item.id)) };
}

/** The open item with more text. Text of a part that the item cannot have is ignored. */
export function appendDelta(item: Item, part: DeltaPart, text: string): Item {
  if (item.type === "message" && part === "text") return appendPart(item, "text", text);
  if (item.type === "message" && part === "refusal") return appendPart(item, "refusal", text);
  if (item.type === "reasoning" && part === "reasoning")
    return { ...item, text: (item.text ?? "") + text };
  if (item.type === "tool_call" && part === "arguments")
    return { ...item, arguments: (item.arguments ?? "") + text };
  return item;
}

function appendPart(message: Message, type: "text" | "refusal", text: string): Message {
  const content = message.content ?? [];
  const last = content.at(-1);
  const next: Part[] =
    last && last.type === type
      ? [...content.slice(0, -1), { ...last, text: last.text + text }]
      : [...content, { type, text }];
  return { ...message, content: next };
}

/** What a person wrote or a model answered, without pictures and refusals. */
export function messageText(message: Message): string {
  return (message.content ?? []).map((part) => (part.type === "text" ? part.text : "")).join("");
}

export function messageRefusal(message: Message): string {
  return (message.content ?? []).map((part) => (part.type === "refusal" ? part.text : "")).join("");
}
