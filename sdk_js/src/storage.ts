import { attempt } from "./attempt";

/**
 * Text by key, on the visitor's disk or in memory. It never throws: a forbidden or full localStorage is an answer.
 * Knows no event and no consent; who may write to disk is decided outside and told with `useDisk`.
 */
export interface Store {
  get(key: string): string | null | undefined;
  /** False when the disk is full; the value is then in memory. */
  set(key: string, value: string): boolean;
  remove(key: string): void;
  /** Keys that begin so, in order. */
  keys(prefix: string): string[];
  useDisk(allowed: boolean): void;
}

export function openStore(find: () => Storage): Store {
  const memory = new Map<string, string>();
  const found = attempt(find);
  let disk: Storage | undefined;
  const set = (key: string, value: string): boolean => {
    memory.set(key, value);
    return !disk || !!attempt(() => (disk!.setItem(key, value), memory.delete(key)));
  };
  return {
    get: (key) => memory.get(key) || (disk && disk.getItem(key)),
    set,
    remove(key) {
      memory.delete(key);
      disk && disk.removeItem(key);
    },
    keys: (prefix) => [...Object.keys(disk || {}), ...memory.keys()].filter((key) => key.startsWith(prefix)).sort(),
    useDisk(allowed) {
      disk = allowed ? found : undefined;
      if (disk) memory.forEach((value, key) => set(key, value));
    },
  };
}
