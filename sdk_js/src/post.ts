import { bytesOf, BATCH_BYTES_MAX } from "./batch";
import type { Answer } from "./verdict";

/** A collector that says nothing for so long is taken for dead; the ids make the second try harmless. */
const TIMEOUT_MS = 10_000;

/** One request. Never throws. The string body goes as text/plain: no preflight, so nothing is lost to one. */
export async function post(url: string, body: string, credentials: RequestCredentials): Promise<Answer> {
  const abort = new AbortController();
  setTimeout(() => abort.abort(), TIMEOUT_MS); // nothing, after the answer
  const answer: Answer = [0, "", {}];
  try {
    const keepalive = bytesOf(body) < BATCH_BYTES_MAX + 2000;
    const response = await fetch(url, { method: "POST", body, credentials, keepalive, signal: abort.signal });
    answer[0] = response.status;
    answer[1] = response.headers.get("retry-after");
    answer[2] = (await response.json()) || {};
  } catch {
    // no answer, or no JSON: the status says which
  }
  return answer;
}
