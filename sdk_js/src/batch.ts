import { json, utf8 } from "./attempt.js";

/** In flight at once a browser allows 64 KiB of keep-alive bodies (Fetch standard §4.6); the envelope needs some. */
export const BATCH_BYTES_MAX = 60_000;

/** Those of these texts, from the first, that fit one request: `BATCH_BYTES_MAX` bytes, but never none. */
export function fitting(texts: string[]): string[] {
  let bytes = 0; // grows, so after the first that is over it every other is
  return texts.filter((text, index) => (bytes += utf8(text).length + 1) <= BATCH_BYTES_MAX || !index);
}

/** The body of a request: texts are events in JSON already, so they are joined, never parsed again. */
export const envelope = (writeKey: string, sentAt: number, texts: string[]): string =>
  `{"write_key":${json(writeKey)},"sent_at":${sentAt},"events":[${texts}]}`;
