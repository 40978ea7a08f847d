import type { Item, LoggedEvent } from "./events";
import type { LinkState } from "./connect";
import { reduce } from "./reduce";
import { EMPTY_VIEW, type RunView } from "./view";

/** What a part of the page may subscribe to: the run's head, the list of items, or one item. */
export type Topic = "head" | "ids" | "link" | `item:${string}`;

export type Schedule = (flush: () => void) => () => void;

/** Holds one run. Events are reduced at once; readers are told once per frame for text, at once
 * for everything else, and only those whose part changed. */
export class RunStore {
  private current: RunView;
  private published: RunView;
  private publishedIds: readonly string[];
  private byId: ReadonlyMap<string, Item>;
  private link: LinkState = { state: "connecting" };
  private readonly listeners = new Map<Topic, Set<() => void>>();
  private cancelScheduled: (() => void) | null = null;

  constructor(
    view: RunView = EMPTY_VIEW,
    private readonly schedule: Schedule = onNextFrame,
  ) {
    this.current = view;
    this.published = view;
    this.publishedIds = view.items.map((item) => item.id);
    this.byId = new Map(view.items.map((item) => [item.id, item]));
  }

  /** The number of the last event that was reduced: where to resume. */
  get cursor(): number {
    return this.current.last_seq;
  }

  readonly head = (): RunView => this.published;
  readonly ids = (): readonly string[] => this.publishedIds;
  readonly linkState = (): LinkState => this.link;
  readonly item = (id: string): Item | undefined => this.byId.get(id);

  append(events: readonly LoggedEvent[]): void {
    let urgent = false;
    for (const logged of events) {
      this.current = reduce(this.current, logged);
      urgent ||= logged.event.type !== "item.delta";
    }
    if (urgent) this.flush();
    else this.cancelScheduled ??= this.schedule(() => this.flush());
  }

  /** Forgets everything: the log is read anew. */
  reset(): void {
    this.current = { ...EMPTY_VIEW, extra: { ...EMPTY_VIEW.extra, model: this.current.extra.model } };
  }

  /** Takes the server's own view of the run, if it is further than ours. */
  replace(view: RunView): void {
    if (view.last_seq < this.current.last_seq) return;
    this.current = view;
    this.flush();
  }

  setLink(link: LinkState): void {
    this.link = link;
    this.tell("link");
  }

  flush(): void {
    this.cancelScheduled?.();
    this.cancelScheduled = null;
    const before = this.published;
    const after = this.current;
    if (before === after) return;
    this.published = after;
    const changed = this.takeItems(after);
    if (headChanged(before, after)) this.tell("head");
    for (const topic of changed) this.tell(topic);
  }

  private takeItems(after: RunView): Topic[] {
    const changed: Topic[] = [];
    const byId = new Map<string, Item>();
    for (const item of after.items) {
      byId.set(item.id, item);
      if (this.byId.get(item.id) !== item) changed.push(`item:${item.id}`);
    }
    this.byId = byId;
    const same =
      this.publishedIds.length === after.items.length &&
      after.items.every((item, place) => this.publishedIds[place] === item.id);
    if (!same) {
      this.publishedIds = after.items.map((item) => item.id);
      changed.unshift("ids");
    }
    return changed;
  }

  subscribe(topic: Topic, listener: () => void): () => void {
    const set = this.listeners.get(topic) ?? new Set();
    this.listeners.set(topic, set.add(listener));
    return () => {
      set.delete(listener);
      if (set.size === 0 && this.listeners.get(topic) === set) this.listeners.delete(topic);
    };
  }

  private tell(topic: Topic): void {
    for (const listener of [...(this.listeners.get(topic) ?? [])]) listener();
  }
}

/** Text and numbering move with every delta; the head is all the rest. */
function headChanged(before: RunView, after: RunView): boolean {
  return (
    before.status !== after.status ||
    before.action !== after.action ||
    before.error !== after.error ||
    before.usage !== after.usage ||
    before.extra !== after.extra
  );
}

/** The next frame; or soon, where frames do not come; or on return, while nobody looks. */
function onNextFrame(flush: () => void): () => void {
  if (document.hidden) {
    const onVisible = () => !document.hidden && flush();
    document.addEventListener("visibilitychange", onVisible);
    return () => document.removeEventListener("visibilitychange", onVisible);
  }
  const frame = requestAnimationFrame(flush);
  const timer = setTimeout(flush, 80);
  return () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
  };
}
