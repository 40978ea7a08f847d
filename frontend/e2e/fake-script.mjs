// What the fake server's model does, by what it was asked.

const USAGE = { input_tokens: 412, output_tokens: 128, cost_microusd: 1840 };

/** Streams a text as an item, a few characters at a time. */
async function write(c, index, text, { type = "message", everyMs = 25, pieces = /[\s\S]{1,9}/g } = {}) {
  const id = c.nextId(type === "message" ? "msg" : "rsn");
  const shell = type === "message" ? { type, id, role: "assistant" } : { type, id };
  c.say({ type: "item.added", index, item: { ...shell, status: "in_progress" } });
  const part = type === "message" ? {} : { part: "reasoning" };
  for (const piece of text.match(pieces)) {
    c.say({ type: "item.delta", item_id: id, index, text: piece, ...part });
    await c.pause(everyMs);
  }
  const full = type === "message" ? { content: [{ type: "text", text }] } : { text };
  c.say({ type: "item.done", index, item: { ...shell, ...full } });
}

async function call(c, index, name, args, run) {
  const call_id = c.nextId("call");
  const item = { type: "tool_call", id: c.nextId("itm"), call_id, name, arguments: JSON.stringify(args) };
  c.say({ type: "item.added", index, item: { ...item, arguments: "", status: "in_progress" } });
  c.say({ type: "item.done", index, item });
  const { output, is_error, ms = 400 } = await run(call_id);
  c.say({ type: "step.started", position: index, kind: "tool", name, call_id });
  await c.pause(ms);
  const result = { type: "tool_result", id: c.nextId("itm"), call_id, output, ...(is_error && { is_error }) };
  c.say({ type: "item.added", index: index + 1, item: result });
  c.say({ type: "item.done", index: index + 1, item: result });
  c.say({ type: "step.completed", position: index, kind: "tool", name, seconds: ms / 1000 });
}

function begin(c, attempt = 1) {
  c.say({ type: "run.started", attempt });
  c.say({ type: "step.started", position: 0, kind: "model", name: "offline:demo" });
}

const end = (c) => c.say({ type: "run.completed", usage: USAGE });

const RICH = `Here is the **summary** you asked for, with the parts that usually break.

## What was found

1. The first invoice is paid; see [the ledger](https://example.com/ledger).
2. The second one is *open* since \`2026-10-01\`.

   It was sent twice.

3. ~~The third~~ was withdrawn.

| Invoice | Due | Amount |
| --- | --- | ---: |
| 2026-114 | 1 Oct | 1,240.00 |
| 2026-115 | 14 Oct | 86.50 |

\`\`\`python
def total(invoices: list[Invoice]) -> Decimal:
    return sum((i.amount for i in invoices), Decimal(0))
\`\`\`

> Nothing was sent. <img src=x onerror=alert(1)> and ![track](https://evil.invalid/p.gif) stay inert, as does [this](javascript:alert(1)).

That is all.`;

async function rich(c) {
  begin(c);
  await c.pause(300);
  await write(c, 0, "The question is about invoices. I should read the file first, then add up the amounts and say which are open.", { type: "reasoning" });
  await call(c, 1, "read_file", { path: "invoices.csv" }, async () => ({ output: '{"rows": 3, "columns": ["invoice","due","amount"]}', ms: 900 }));
  await call(c, 3, "lookup_rate", { from: "EUR", to: "USD" }, async () => ({ output: "The rate service did not answer in 5 s.", is_error: true }));
  await write(c, 5, RICH);
  end(c);
}

async function calculate(c, expression) {
  begin(c);
  const [a, sign, b] = expression.split(" ");
  const result = String(sign === "*" ? Number(a) * Number(b) : Number(a) + Number(b));
  await call(c, 0, "calculator", { expression }, async () => ({ output: result }));
  await write(c, 2, `${expression} is **${result}**.`);
  end(c);
}

async function count(c) {
  begin(c);
  const numbers = Array.from({ length: 40 }, (_, n) => n + 1);
  await write(c, 0, numbers.map((n) => `${n}`).join("\n\n"), { everyMs: 250, pieces: /\d+\s*/g });
  end(c);
}

async function approval(c, note) {
  begin(c);
  let denied = false;
  await call(c, 0, "save_note", { text: note }, async (call_id) => {
    c.say({ type: "run.requires_action", action_id: c.nextId("act"), kind: "approval", prompt: `Save the note “${note}”?`, tool: "save_note", arguments: JSON.stringify({ text: note }), call_id });
    const { decision } = await c.decision();
    begin(c, 2);
    denied = decision === "deny";
    return denied ? { output: "The owner denied this.", is_error: true, ms: 0 } : { output: '{"saved": true}' };
  });
  await write(c, 2, denied ? "I did not save it." : "Saved.");
  end(c);
}

async function question(c, asked) {
  begin(c);
  let answer = "";
  const facts = { question: asked, options: ["yes", "no"] };
  await call(c, 0, "ask_person", facts, async (call_id) => {
    c.say({ type: "run.requires_action", action_id: c.nextId("act"), kind: "question", prompt: asked, tool: "ask_person", arguments: JSON.stringify(facts), call_id });
    ({ answer } = await c.decision());
    begin(c, 2);
    return { output: answer };
  });
  await write(c, 2, `You said **${answer}**.`);
  end(c);
}

async function doubt(c) {
  begin(c);
  await call(c, 0, "send_mail", { to: "ann@example.com" }, async (call_id) => {
    c.say({ type: "run.requires_action", action_id: c.nextId("act"), kind: "in_doubt", prompt: "The worker was lost while it sent the mail. Did Ann get it?", tool: "send_mail", arguments: '{"to":"ann@example.com"}', call_id });
    await c.decision();
    begin(c, 2);
    return { output: "sent" };
  });
  await write(c, 2, "Then all is well.");
  end(c);
}

async function failing(c) {
  begin(c);
  await write(c, 0, "I will try to reach the ");
  c.say({ type: "step.retrying", position: 0, reason: "the model is overloaded", after_seconds: 2, try_number: 1 });
  await c.pause(1500);
  c.say({ type: "run.failed", code: "model_unavailable", message: "The model did not answer after 5 attempts." });
}

async function retracted(c) {
  begin(c);
  const id = c.nextId("msg");
  c.say({ type: "item.added", index: 0, item: { type: "message", id, role: "assistant", status: "in_progress" } });
  c.say({ type: "item.delta", item_id: id, index: 0, text: "This will be taken back" });
  await c.pause(800);
  c.say({ type: "step.retracted", position: 0, items: [id] });
  c.say({ type: "run.requeued", reason: "lease_expired" });
  await c.pause(800);
  begin(c, 2);
  await write(c, 0, "This is what stays.");
  end(c);
}

/** About 200 tokens a second, for a while: to measure with. */
async function firehose(c) {
  begin(c);
  await write(c, 0, `${RICH}\n\n`.repeat(20), { everyMs: 40, pieces: /[\s\S]{1,40}/g });
  end(c);
}

export function scriptFor(text) {
  const asked = text.toLowerCase();
  if (asked.startsWith("approve")) return (c) => approval(c, text.split(": ")[1] ?? text);
  if (asked.startsWith("calculate")) return (c) => calculate(c, text.slice(10));
  if (asked.startsWith("firehose")) return firehose;
  if (asked.startsWith("count")) return count;
  if (asked.includes("ask me")) return (c) => question(c, "Shall I save the note “call Ann”?");
  if (asked.includes("doubt")) return doubt;
  if (asked.includes("fail")) return failing;
  if (asked.includes("retract")) return retracted;
  return rich;
}
