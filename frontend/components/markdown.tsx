import { memo } from "react";
import ReactMarkdown, { defaultUrlTransform, type Components } from "react-markdown";
import remarkGfm from "remark-gfm";
import remend from "remend";
import { splitBlocks } from "@/lib/markdown-blocks";
import { CodeBlock } from "./code-block";

/** Model output is hostile until shown otherwise: no raw HTML, no pictures from anywhere, links
 * only to the web and mail. Headings step down: the page has its own. */
const COMPONENTS: Components = {
  h1: "h3",
  h2: "h3",
  h3: "h4",
  h4: "h5",
  h5: "h6",
  a: ({ href, children }) =>
    href ? (
      <a href={href} target="_blank" rel="noopener noreferrer nofollow">
        {children}
      </a>
    ) : (
      <span>{children}</span>
    ),
  img: ({ alt, src }) => (
    <span className="text-text-2">
      [picture not loaded: {alt || (typeof src === "string" ? src : "no description")}]
    </span>
  ),
  table: ({ children }) => (
    <div className="overflow-x-auto">
      <table>{children}</table>
    </div>
  ),
  pre: CodeBlock,
};

const PLUGINS = [remarkGfm];

/** Text that may still grow. Only its last block is parsed again. */
export default function Markdown({ text, open }: { text: string; open: boolean }) {
  const blocks = splitBlocks(text);
  const last = blocks.length - 1;
  return (
    <div data-slot="markdown" className="prose-answer">
      {blocks.map((block, place) => (
        // Blocks only ever grow at the end: the place is the identity.
        <Block key={place} text={open && place === last ? remend(block, OPEN) : block} />
      ))}
    </div>
  );
}

const OPEN = { linkMode: "text-only" } as const;

const Block = memo(function Block({ text }: { text: string }) {
  return (
    <div className="block">
      <ReactMarkdown
        remarkPlugins={PLUGINS}
        components={COMPONENTS}
        urlTransform={safeUrl}
      >
        {text}
      </ReactMarkdown>
    </div>
  );
});

/** Relative links point into this page's own server: not a model's to use. */
export function safeUrl(url: string): string {
  return /^(?:https?:|mailto:)/i.test(url) ? defaultUrlTransform(url) : "";
}
