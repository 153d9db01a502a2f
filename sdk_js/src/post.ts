import type { Answer, AnswerBody } from "./verdict.js";

/** A collector that says nothing for so long is taken for dead; the ids make the second try harmless. */
const TIMEOUT_MS = 10_000;

/** One request. Never throws. The string body goes as text/plain: no preflight, so nothing is lost to one. */
export async function post(url: string, body: string, credentials: RequestCredentials): Promise<Answer> {
  const abort = new AbortController();
  setTimeout(() => abort.abort(), TIMEOUT_MS); // nothing, after the answer
  let status = 0;
  let retryAfter: string | null | undefined;
  let said: AnswerBody | undefined;
  try {
    const response = await fetch(url, { method: "POST", body, credentials, keepalive: true, signal: abort.signal });
    status = response.status;
    retryAfter = response.headers.get("retry-after");
    said = await response.json();
  } catch {
    // no answer, or no JSON: the status says which
  }
  return [status, retryAfter, said || {}];
}
