/** What `then` returns, or undefined if it throws: browsers throw for storage, cookies and locks that are forbidden. */
export function attempt<T>(then: () => T): T | undefined {
  try {
    return then();
  } catch {
    return undefined;
  }
}

/** The value of a JSON text of ours. Pages and extensions write to storage, too: what is no JSON is taken for nothing. */
export const parsed = <T>(text: string | null | undefined, otherwise: T): T => attempt(() => JSON.parse(text!)) || otherwise;
