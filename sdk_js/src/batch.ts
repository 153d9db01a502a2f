import { json } from "./attempt";

/** In flight at once a browser allows 64 KiB of keep-alive bodies (Fetch standard §4.6); the envelope needs some. */
export const BATCH_BYTES_MAX = 60_000;

/** UTF-8 bytes of a text. */
export const bytesOf = (text: string): number => new Blob([text]).size;

/** How many of these texts, from the first, fit one request: `BATCH_BYTES_MAX` bytes, but never none. */
export function fitting(texts: string[]): number {
  let bytes = 0;
  const over = texts.findIndex((text, index) => (bytes += bytesOf(text) + 1) > BATCH_BYTES_MAX && index > 0);
  return over < 0 ? texts.length : over;
}

/** The body of a request: texts are events in JSON already, so they are joined, never parsed again. */
export const envelope = (writeKey: string, sentAt: number, texts: string[]): string =>
  `{"write_key":${json(writeKey)},"sent_at":${sentAt},"events":[${texts}]}`;
