/** A random id of 128 bits, hex. `crypto.randomUUID` is missing on pages without https, so it is not used. */
export const makeId = (): string =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => (byte + 256).toString(16).slice(1)).join("");
