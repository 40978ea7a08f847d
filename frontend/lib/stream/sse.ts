/** One message of an event stream. `id` is null when the message carries none. */
export type SseMessage = { id: string | null; event: string; data: string };

/** Reads an event stream piece by piece, wherever the network cuts it. */
export function createSseParser(onMessage: (message: SseMessage) => void) {
  let rest = "";
  let id: string | null = null;
  let event = "";
  let data: string[] = [];

  function field(line: string) {
    const colon = line.indexOf(":");
    if (colon === 0) return; // a comment: the server's keep-alive
    const name = colon < 0 ? line : line.slice(0, colon);
    const raw = colon < 0 ? "" : line.slice(colon + 1);
    const value = raw.startsWith(" ") ? raw.slice(1) : raw;
    if (name === "data") data.push(value);
    else if (name === "event") event = value;
    else if (name === "id") id = value;
  }

  function dispatch() {
    if (data.length > 0 || event !== "") {
      onMessage({ id, event: event || "message", data: data.join("\n") });
    }
    id = null;
    event = "";
    data = [];
  }

  return (chunk: string) => {
    rest += chunk;
    for (;;) {
      const end = rest.search(/[\r\n]/);
      if (end < 0) return;
      // A CR at the very end may be half of CRLF: wait for the next piece.
      if (rest[end] === "\r" && end === rest.length - 1) return;
      const line = rest.slice(0, end);
      rest = rest.slice(end + (rest.startsWith("\r\n", end) ? 2 : 1));
      if (line === "") dispatch();
      else field(line);
    }
  };
}
