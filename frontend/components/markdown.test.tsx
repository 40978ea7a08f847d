import { cleanup, render } from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import Markdown, { safeUrl } from "./markdown";

afterEach(cleanup);

const HOSTILE = [
  "<img src=x onerror=alert(1)>",
  "<script>alert(1)</script>",
  "<iframe src=https://evil.invalid></iframe>",
  "<svg onload=alert(1)>",
  "![track](https://evil.invalid/pixel.gif?secret)",
  "![inline](data:image/png;base64,AAAA)",
  "[click](javascript:alert(1))",
  "[click](data:text/html,<script>alert(1)</script>)",
  "[click](/v1/runs)",
  "![half](https://evil.invalid/pi",
];

describe("model output", () => {
  it.each(HOSTILE)("is inert: %s", (text) => {
    for (const open of [true, false]) {
      const { container, unmount } = render(<Markdown text={text} open={open} />);
      expect(container.querySelectorAll("img, script, iframe, svg, [onerror], [onload]")).toHaveLength(0);
      const links = [...container.querySelectorAll("a")].map((link) => link.getAttribute("href"));
      expect(links.filter((href) => !href?.startsWith("https://"))).toEqual([]);
      unmount();
    }
  });

  it("keeps links to the web, in a new tab and without a referrer", () => {
    const { container } = render(<Markdown text="[a](https://example.com)" open={false} />);

    const link = container.querySelector("a");
    expect(link?.getAttribute("href")).toBe("https://example.com");
    expect(link?.getAttribute("rel")).toBe("noopener noreferrer nofollow");
  });

  it("shows half-written emphasis without its marks", () => {
    const { container } = render(<Markdown text="this is **bol" open />);

    expect(container.textContent).toBe("this is bol");
    expect(container.querySelector("strong")?.textContent).toBe("bol");
  });

  it("demotes headings below the page's own", () => {
    const { container } = render(<Markdown text="# Title" open={false} />);

    expect(container.querySelector("h3")?.textContent).toBe("Title");
  });

  it("keeps closed blocks in the document while the last one grows", () => {
    const { container, rerender } = render(<Markdown text={"one\n\ntw"} open />);
    const first = container.querySelector("p");

    rerender(<Markdown text={"one\n\ntwo\n\nthree"} open />);

    expect(container.querySelector("p")).toBe(first);
  });

  it("allows no address of this server", () => {
    expect(["/v1/runs", "chat?id=1", "//evil.invalid", "https://ok.example"].map(safeUrl)).toEqual([
      "",
      "",
      "",
      "https://ok.example",
    ]);
  });
});
