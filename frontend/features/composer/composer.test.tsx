import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Composer } from "./composer";

beforeEach(() => localStorage.clear());
afterEach(cleanup);

function open(facts: { busy?: boolean; place?: string } = {}) {
  const onSend = vi.fn();
  render(<Composer place={facts.place ?? "thr_1"} busy={facts.busy} onSend={onSend} />);
  const field = screen.getByLabelText<HTMLTextAreaElement>("Message");
  return { onSend, field, write: (value: string) => fireEvent.change(field, { target: { value } }) };
}

describe("the composer", () => {
  it("sends on Enter and is empty again", () => {
    const { onSend, field, write } = open();
    write("hello");

    fireEvent.keyDown(field, { key: "Enter" });

    expect(onSend.mock.calls).toEqual([["hello"]]);
    expect(field.value).toBe("");
  });

  it("sends once for a double Enter or a double click", () => {
    const { onSend, field, write } = open();
    write("hello");
    const button = screen.getByRole("button", { name: "Send" });

    fireEvent.keyDown(field, { key: "Enter" });
    fireEvent.keyDown(field, { key: "Enter" });
    fireEvent.click(button);
    fireEvent.click(button);

    expect(onSend).toHaveBeenCalledTimes(1);
  });

  it("breaks the line on Shift+Enter", () => {
    const { onSend, field, write } = open();
    write("hello");

    const untouched = fireEvent.keyDown(field, { key: "Enter", shiftKey: true });

    expect(untouched).toBe(true);
    expect(onSend).not.toHaveBeenCalled();
  });

  it("does not send the Enter that closes an input method", () => {
    const { onSend, field, write } = open();
    write("にほん");

    fireEvent.keyDown(field, { key: "Enter", isComposing: true });
    fireEvent.keyDown(field, { key: "Enter", keyCode: 229 });

    expect(onSend).not.toHaveBeenCalled();
  });

  it("keeps the draft of each thread", () => {
    open({ place: "thr_1" }).write("for one");
    cleanup();
    expect(open({ place: "thr_2" }).field.value).toBe("");
    cleanup();
    expect(open({ place: "thr_1" }).field.value).toBe("for one");
  });

  it("says that a message waits while a run is under way", () => {
    open({ busy: true });

    expect(screen.getByRole("button", { name: "Queue" })).toBeTruthy();
  });
});
