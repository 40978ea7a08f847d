import { describe, expect, it, vi } from "vitest";
import type { Event, LoggedEvent } from "./events";
import { RunStore } from "./store";
import { EMPTY_VIEW } from "./view";

const added = (id: string, index: number): Event => ({
  type: "item.added",
  index,
  item: { type: "message", id, role: "assistant", status: "in_progress" },
});
const delta = (item_id: string, text: string): Event => ({ type: "item.delta", item_id, index: 0, text });

function openStore() {
  const frames: (() => void)[] = [];
  let seq = 0;
  const store = new RunStore(EMPTY_VIEW, (flush) => {
    frames.push(flush);
    return () => undefined;
  });
  const number = (events: Event[]): LoggedEvent[] => events.map((event) => ({ seq: ++seq, event }));
  return { store, frames, append: (...events: Event[]) => store.append(number(events)) };
}

describe("the store of a run", () => {
  it("tells readers of text once per frame", () => {
    const { store, frames, append } = openStore();
    append(added("a", 0));
    const told = vi.fn();
    store.subscribe("item:a", told);

    append(delta("a", "one "));
    append(delta("a", "two "), delta("a", "three"));
    expect(told).toHaveBeenCalledTimes(0);
    expect(frames).toHaveLength(1);
    frames[0]?.();

    expect(told).toHaveBeenCalledTimes(1);
    expect(store.item("a")).toMatchObject({ content: [{ type: "text", text: "one two three" }] });
  });

  it("tells at once what is not text", () => {
    const { store, append } = openStore();
    const told = vi.fn();
    store.subscribe("head", told);

    append({ type: "run.started", attempt: 1 });

    expect(told).toHaveBeenCalledTimes(1);
    expect(store.head().status).toBe("in_progress");
  });

  it("tells only the readers of the item that changed", () => {
    const { store, append } = openStore();
    append(added("a", 0), added("b", 1));
    const others = { a: vi.fn(), ids: vi.fn(), head: vi.fn() };
    store.subscribe("item:a", others.a);
    store.subscribe("ids", others.ids);
    store.subscribe("head", others.head);

    append(delta("b", "text"));
    store.flush();

    expect(Object.values(others).map((told) => told.mock.calls.length)).toEqual([0, 0, 0]);
  });

  it("keeps its ids and items identical between changes", () => {
    const { store, append } = openStore();
    append(added("a", 0));
    const [ids, item] = [store.ids(), store.item("a")];

    append({ type: "run.cancel_requested" });

    expect(store.ids()).toBe(ids);
    expect(store.item("a")).toBe(item);
  });

  it("knows where to resume before anything is shown", () => {
    const { store, append } = openStore();
    append(added("a", 0));
    append(delta("a", "x"));

    expect(store.cursor).toBe(2);
  });

  it("does not go back to an older snapshot", () => {
    const { store, append } = openStore();
    append(added("a", 0), { type: "run.completed" });

    store.replace({ ...EMPTY_VIEW, last_seq: 1 });

    expect(store.head().status).toBe("completed");
  });
});
