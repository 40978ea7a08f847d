/** Cuts Markdown at blank lines between blocks, so that closed blocks need no second parse while
 * the last one grows. Never cuts inside a fence, a list, or text that defines references. */
export function splitBlocks(text: string): string[] {
  if (/^ {0,3}\[[^\]]+\]:/m.test(text)) return [text];
  const blocks: string[] = [];
  let block: string[] = [];
  let fence = "";
  let blank = false;

  for (const line of text.split("\n")) {
    if (!fence && blank && line.trim() !== "" && !continues(block, line)) {
      blocks.push(block.join("\n"));
      block = [];
    }
    fence = nextFence(fence, line);
    blank = line.trim() === "";
    block.push(line);
  }
  if (block.some((line) => line.trim() !== "")) blocks.push(block.join("\n"));
  return blocks;
}

const LIST_LINE = /^ {0,3}(?:[-*+]|\d{1,9}[.)])(?:\s|$)/;

/** A line after a blank one that still belongs to the block above: a list goes on, or indents. */
function continues(block: readonly string[], line: string): boolean {
  const first = block.find((one) => one.trim() !== "");
  if (first === undefined) return true;
  if (/^(?: {2,}|\t)/.test(line)) return true;
  return LIST_LINE.test(first) && LIST_LINE.test(line);
}

function nextFence(open: string, line: string): string {
  const mark = /^ {0,3}(`{3,}|~{3,})(.*)$/.exec(line);
  if (!mark) return open;
  const [, run = "", rest = ""] = mark;
  if (!open) return run.startsWith("`") && rest.includes("`") ? "" : run;
  const closes = run[0] === open[0] && run.length >= open.length && rest.trim() === "";
  return closes ? "" : open;
}
