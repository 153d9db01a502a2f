/** What `then` returns, or undefined if it throws: browsers throw for storage, cookies and locks that are forbidden. */
export function attempt<T>(then: () => T): T | undefined {
  try {
    return then();
  } catch {
    return undefined;
  }
}
