/** Where the page's requests go: the origin that it came from, or others that its build was told. */
export type Bases = { api: string; stream: string };

const ORIGIN = /^https?:\/\/[^/?#@\s]+$/;

/** The two bases. Without an API's address both are empty, which means the page's own origin; without
 * one for streams they come from the API. Throws when an address is not an origin. */
export function basesOf(api = "", stream = ""): Bases {
  for (const [name, value] of Object.entries({ API: api, STREAM: stream })) {
    if (value && !ORIGIN.test(value)) {
      throw new Error(`NEXT_PUBLIC_${name}_URL must be like https://api.example.com, without a path.`);
    }
  }
  return { api, stream: stream || api };
}

// Written out: the build puts the values in the place of exactly these words.
const BASES = basesOf(process.env.NEXT_PUBLIC_API_URL, process.env.NEXT_PUBLIC_STREAM_URL);

/** Where a path of the API is. */
export function apiAddress(path: string, bases: Bases = BASES): string {
  return `${bases.api}${path}`;
}

/** Where a path is that answers with a stream of events. */
export function streamAddress(path: string, bases: Bases = BASES): string {
  return `${bases.stream}${path}`;
}
