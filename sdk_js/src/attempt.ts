/** What `then` returns, or undefined if it throws: browsers throw for storage, cookies and locks that are forbidden. */
export function attempt<T>(then: () => T): T | undefined {
  try {
    return then();
  } catch {
    // undefined
  }
}

/** The value of a JSON text of ours. Pages and extensions write to storage, too: what is no JSON is taken for nothing. */
export const parsed = <T>(text: string | null | undefined, otherwise: T): T => attempt(() => JSON.parse(text!)) || otherwise;

/**
 * JSON of anything. Old libraries give texts and lists a `toJSON` of their own that quotes them twice: not heeded. Lone
 * surrogates and NUL are no text, and the collector takes 8,192 characters of one: cut, or it would refuse the whole event.
 */
export const json = (what: unknown): string =>
  JSON.stringify(what, function (this: any, key, value) {
    const own = this[key];
    if (own && (own.slice || own.toFixed)) value = own;
    return typeof value === "string" ? value.slice(0, 8e3).replace(/[\ud800-\udfff\0]/gu, "\ufffd") : value;
  });
