// What the page's server must say of each file, for a server that is not Helium's own (backend/helium/api/page.py).
//
//     node page-headers.mjs nginx OUT FILE      a map of content security policies, to be included
//     node page-headers.mjs vercel OUT FOLDER   OUT as a finished build of Vercel
//
// A page that was built with $NEXT_PUBLIC_API_URL asks there, and at $NEXT_PUBLIC_STREAM_URL for streams: its policies permit
// it, and Vercel passes nothing on. A page that was built without knows its own address only: at Vercel $API_ORIGIN and
// $STREAM_ORIGIN answer what is not the page's.
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const SECURITY = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
};
const IMMUTABLE = "public, max-age=31536000, immutable";
const ORIGIN = /^(https:\/\/[^/?#@\s;,]+|http:\/\/(localhost|127\.0\.0\.1)(:\d+)?)$/;
const INLINE_SCRIPT = /<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g;

/** The policy of one page: its own inline scripts by hash, and no others. */
function policy(html, asked) {
  const hashes = new Set();
  for (const [, script] of html.matchAll(INLINE_SCRIPT)) {
    hashes.add(createHash("sha256").update(script).digest("base64"));
  }
  const scripts = [...hashes].sort().map((hash) => `'sha256-${hash}'`).join(" ");
  return (
    `default-src 'self'; script-src 'self' ${scripts}; style-src 'self' 'unsafe-inline'; ` +
    "img-src 'self' data: blob:; font-src 'self' data:; " +
    `connect-src ${["'self'", ...asked].join(" ")}; object-src 'none'; ` +
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
  );
}

/** The policy of each page, by its path without a slash before it. */
function policies(out) {
  const asked = askedOrigins();
  const pages = readdirSync(out, { recursive: true }).filter((path) => path.endsWith(".html"));
  return pages.sort().map((path) => [path, policy(readFileSync(join(out, path), "utf8"), asked)]);
}

function nginx(out, file) {
  writeFileSync(file, policies(out).map(([path, text]) => `"/${path}" "${text}";\n`).join(""));
}

/** The origins that the page was built to ask beside its own: none, the API's, or the streams' too. */
function askedOrigins() {
  const names = ["NEXT_PUBLIC_API_URL", "NEXT_PUBLIC_STREAM_URL"].filter((name) => process.env[name]);
  return [...new Set(names.map(origin))];
}

/** Where Vercel sends what is not the page's. Nothing when the page itself asks there. */
function passedOn() {
  if (process.env.NEXT_PUBLIC_API_URL) return [];
  const [api, stream] = [origin("API_ORIGIN"), origin("STREAM_ORIGIN")];
  return [
    { src: "/v1/runs/([^/]+)/events", methods: ["GET"], dest: `${stream}/v1/runs/$1/events` },
    { src: "/(v1|api)/(.*)", dest: `${api}/$1/$2` },
  ];
}

function origin(name) {
  const value = process.env[name] ?? "";
  if (!ORIGIN.test(value)) throw new Error(`${name} must be like https://api.example.com, without a path.`);
  return value;
}

function vercel(out, folder) {
  const others = passedOn();
  const clean = (path) => path.replace(/\.html$/, "").replace(/(^|\/)index$/, "");
  const escaped = (path) => path.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const routes = [
    { src: "/.*", headers: { "cache-control": "no-cache", ...SECURITY }, continue: true },
    { src: "/_next/static/.*", headers: { "cache-control": IMMUTABLE }, continue: true },
    ...policies(out).map(([path, text]) => ({
      src: `/${escaped(clean(path))}`,
      headers: { "content-security-policy": text },
      continue: true,
    })),
    ...others,
    { handle: "filesystem" },
    { src: "/.*", status: 404, dest: "/404.html" },
  ];
  const overrides = Object.fromEntries(policies(out).map(([path]) => [path, { path: clean(path) }]));
  delete overrides["404.html"];
  delete overrides["index.html"];
  mkdirSync(folder, { recursive: true });
  cpSync(out, join(folder, "static"), { recursive: true });
  writeFileSync(join(folder, "config.json"), `${JSON.stringify({ version: 3, routes, overrides }, null, 2)}\n`);
}

const [kind, out, target] = process.argv.slice(2);
({ nginx, vercel })[kind](out, target);
